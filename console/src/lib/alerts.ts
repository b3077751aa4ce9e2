/** Calls the agent's attention: a soft sound, the flashing title, a desktop notification. Each only if wanted. */

import icon from "../app/icon.svg";
import { readSettings } from "./settings";

let audio: AudioContext | undefined;

/** Two short tones, rising for an offer, one for a message. Browsers keep it silent until the page was used once. */
export function chime(kind: "offer" | "message"): void {
  if (!readSettings().sound) return;
  try {
    audio ??= new AudioContext();
    void audio.resume();
    const tones = kind === "offer" ? [587, 880] : [659];
    tones.forEach((frequency, index) => tone(audio as AudioContext, frequency, index * 0.14));
  } catch {
    // No audio here.
  }
}

function tone(context: AudioContext, frequency: number, delay: number): void {
  const start = context.currentTime + delay;
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0.0001, start);
  gain.gain.exponentialRampToValueAtTime(0.12, start + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.0001, start + 0.3);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(start);
  oscillator.stop(start + 0.32);
}

/** A desktop notification, if it is allowed and the page is not being looked at. */
export function notifyDesktop(title: string, body: string, tag: string, onClick: () => void): void {
  if (!readSettings().desktop || !("Notification" in window) || Notification.permission !== "granted") return;
  if (document.visibilityState === "visible" && document.hasFocus()) return;
  const notification = new Notification(title, { body, tag, icon });
  notification.onclick = () => {
    window.focus();
    onClick();
    notification.close();
  };
}

/** Whether desktop notifications may now be shown; asks the agent if they were never asked. */
export async function allowDesktop(): Promise<boolean> {
  if (!("Notification" in window)) return false;
  if (Notification.permission === "default") return (await Notification.requestPermission()) === "granted";
  return Notification.permission === "granted";
}

let flashing: number | undefined;

/** Sets the page's title; with `urgent` it alternates with that, once a second. */
export function setTitle(title: string, urgent?: string): void {
  window.clearInterval(flashing);
  flashing = undefined;
  document.title = title;
  if (urgent === undefined) return;
  document.title = urgent;
  flashing = window.setInterval(() => {
    document.title = document.title === urgent ? title : urgent;
  }, 1_000);
}
