/**
 * The chat of a page, by one script tag:
 *
 *     <script src="https://chat.example.com/widget.js" data-channel="webchat" async></script>
 *
 * `docs/web-chat.md` lists the tag's attributes and the calls of `window.Switchboard`.
 */

import type { Storage } from "./outbox";
import type { User } from "./protocol";
import { Session } from "./session";
import { choose } from "./texts";
import { View } from "./view";

type Call = ["open"] | ["close"] | ["shutdown"] | ["identify", User];
type Api = { (...call: Call): void; q?: Call[] };

declare global {
  interface Window {
    Switchboard?: Api;
  }
}

function mount(script: HTMLScriptElement): void {
  const { channel = "webchat", language = "auto", title, color } = script.dataset;
  const url = new URL(`channels/${encodeURIComponent(channel)}/`, new URL(".", script.src)).href;
  let view: View | undefined;
  const session = new Session(url, storage(), () => view?.render());
  const speak = (): void => {
    const automatic = [document.documentElement.lang, ...navigator.languages];
    view?.speak(language === "auto" ? choose(...automatic) : choose(language));
  };
  const show = (): View => {
    if (view) return view;
    view = new View(session, title, color);
    document.body.append(view.host);
    speak();
    return view;
  };
  const hide = (): void => {
    session.shutdown();
    view?.remove();
    view = undefined;
  };

  const calls: Api = (...[name, user]: Call) => {
    if (name === "open") show().open();
    else if (name === "close") view?.close();
    else if (name === "shutdown") hide();
    else if (name === "identify" && user) {
      session.identify(user);
      show();
    } else console.error(`Switchboard: there is no call "${String(name)}"; there are identify, open, close, shutdown`);
  };
  const early = window.Switchboard?.q ?? [];
  window.Switchboard = calls;

  show();
  for (const call of early) calls(...call);
  // A user who was named before is waited for: their chat is not the anonymous visitor's.
  if (session.begun && session.kept.user === undefined) session.start();
  new MutationObserver(speak).observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
}

/** The browser's storage, or where that is forbidden, one that lives as long as the page. */
function storage(): Storage {
  try {
    localStorage.getItem("");
    return localStorage;
  } catch {
    const kept = new Map<string, string>();
    return {
      get length() {
        return kept.size;
      },
      key: (index) => [...kept.keys()][index] ?? null,
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
    };
  }
}

const script = document.currentScript;
if (script instanceof HTMLScriptElement && script.src) {
  if (document.body) mount(script);
  else addEventListener("DOMContentLoaded", () => mount(script), { once: true });
}
