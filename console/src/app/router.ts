/** The address of the page: `/console/…`, with the explained message in `?why=`. */

import { useSyncExternalStore } from "react";

const base = "/console";

export const adminSections = ["agents", "rules", "dead", "ledger", "tokens"] as const;
export type AdminSection = (typeof adminSections)[number];

export type Route =
  | { page: "home" }
  | { page: "conversation"; id: string }
  | { page: "customer"; id: string }
  | { page: "admin"; section: AdminSection };

/** What a path below `/console` means; anything unknown is home. */
export function routeOf(pathname: string): Route {
  const [, , page, rest] = pathname.split("/");
  const id = rest === undefined ? "" : safeDecoded(rest);
  if (page === "conversations" && id) return { page: "conversation", id };
  if (page === "customers" && id) return { page: "customer", id };
  if (page === "admin") return { page: "admin", section: adminSections.find((section) => section === id) ?? "agents" };
  return { page: "home" };
}

function safeDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

export function pathOf(route: Route): string {
  switch (route.page) {
    case "home":
      return `${base}/`;
    case "conversation":
      return `${base}/conversations/${encodeURIComponent(route.id)}`;
    case "customer":
      return `${base}/customers/${encodeURIComponent(route.id)}`;
    case "admin":
      return `${base}/admin/${route.section}`;
  }
}

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

function push(url: string): void {
  if (url === location.pathname + location.search) return;
  history.pushState(null, "", url);
  for (const listener of listeners) listener();
}

export function go(route: Route): void {
  push(pathOf(route));
}

export const openConversation = (id: string) => go({ page: "conversation", id });

/** Opens the explanation of a message over what is shown, or closes it. */
export function explain(message: string | undefined): void {
  push(location.pathname + (message ? `?why=${encodeURIComponent(message)}` : ""));
}

export function currentRoute(): Route {
  return routeOf(location.pathname);
}

export function useRoute(): Route {
  return routeOf(useSyncExternalStore(subscribe, () => location.pathname));
}

export function useExplained(): string | undefined {
  return new URLSearchParams(useSyncExternalStore(subscribe, () => location.search)).get("why") ?? undefined;
}
