/** The address of the page: `/console/…`, what is explained over it in `?why=`, what is chosen within it in `#…`. */

import { useMemo, useSyncExternalStore } from "react";

const base = "/console";

export const adminSections = ["board", "measures", "decisions", "rules", "playground", "agents", "dead", "ledger", "tokens"] as const;
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

function tell(): void {
  for (const listener of listeners) listener();
}

function push(url: string): void {
  if (url === location.pathname + location.search + location.hash) return;
  history.pushState(null, "", url);
  tell();
}

/** What is chosen within a page (filters, an open file), by name. */
export type View = Record<string, string>;

/** The `#…` of a view, or nothing for an empty one. */
export function hashOf(view: Record<string, string | undefined>): string {
  const chosen = Object.entries(view).filter((pair): pair is [string, string] => !!pair[1]);
  return chosen.length > 0 ? `#${new URLSearchParams(chosen)}` : "";
}

export function viewOf(hash: string): View {
  return Object.fromEntries(new URLSearchParams(hash.replace(/^#/, "")));
}

export function go(route: Route, view: View = {}): void {
  push(pathOf(route) + hashOf(view));
}

export const openConversation = (id: string) => go({ page: "conversation", id });

/** Changes what is chosen within the page; the way back in the browser's history stays what it was. */
export function changeView(change: Record<string, string | undefined>): void {
  const hash = hashOf({ ...viewOf(location.hash), ...change });
  if (hash === location.hash) return;
  history.replaceState(null, "", location.pathname + location.search + hash);
  tell();
}

/** What is explained: one decision, all decisions of a conversation, or who could take it. */
export type Explained = { why: string } | { decisions: string } | { candidates: string };

const explainedOf = (search: string): Explained | undefined => {
  const parameters = new URLSearchParams(search);
  for (const name of ["why", "decisions", "candidates"] as const) {
    const id = parameters.get(name);
    if (id) return { [name]: id } as Explained;
  }
  return undefined;
};

/** Opens an explanation over what is shown, or closes it. */
export function explain(what: Explained | undefined): void {
  push(location.pathname + (what ? `?${new URLSearchParams(what)}` : "") + location.hash);
}

export function currentRoute(): Route {
  return routeOf(location.pathname);
}

export function useRoute(): Route {
  return routeOf(useSyncExternalStore(subscribe, () => location.pathname));
}

export function useExplained(): Explained | undefined {
  return explainedOf(useSyncExternalStore(subscribe, () => location.search));
}

export function useView(): View {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  return useMemo(() => viewOf(hash), [hash]);
}
