/** One call to the daemon: the session is a cookie, every change carries the CSRF token. No retries here but one, after a stale token. */

import type { Attachment, Me } from "./types";
import { observeServerDate } from "../lib/clock";

const base = "/api/v1";
let csrf = "";
let onExpired: () => void = () => {};

/** What the daemon answered instead of a result. `status` 0 means that it was not reached; then `code` is `unreachable`. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Seconds to wait, if the daemon said so. */
    readonly retryAfter?: number,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** Whether the same call may work later without any change. */
  get passes(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export function useCsrf(token: string): void {
  csrf = token;
}

/** Called when a call finds that nobody is logged in any more. */
export function whenExpired(then: () => void): void {
  onExpired = then;
}

async function problem(response: Response): Promise<ApiError> {
  let code = `http_${response.status}`;
  let message = response.statusText || `HTTP ${response.status}`;
  try {
    const answer = (await response.json()) as { error?: { code?: string; message?: string } };
    code = answer.error?.code ?? code;
    message = answer.error?.message ?? message;
  } catch {
    // Not JSON: a proxy answered. The status line says what there is to say.
  }
  const wait = Number(response.headers.get("Retry-After"));
  return new ApiError(response.status, code, message, wait > 0 ? wait : undefined);
}

async function send(method: string, path: string, body: unknown): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  let payload: BodyInit | null = null;
  if (body instanceof FormData) payload = body;
  else if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    payload = JSON.stringify(body);
  }
  try {
    const response = await fetch(base + path, { method, headers, body: payload, credentials: "same-origin", cache: "no-store" });
    observeServerDate(response.headers.get("Date"), Date.now());
    return response;
  } catch {
    throw new ApiError(0, "unreachable", "");
  }
}

async function renewedCsrf(): Promise<boolean> {
  const response = await send("GET", "/me", undefined);
  if (!response.ok) return false;
  const fresh = ((await response.json()) as Me).csrf;
  const changed = fresh !== csrf;
  csrf = fresh;
  return changed;
}

/** Sends `body` as JSON (or as a form) and gives the parsed answer, `undefined` for 204. Throws `ApiError`. */
export async function call<T>(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T> {
  let response = await send(method, path, body);
  if (response.status === 403 && method !== "GET" && (await renewedCsrf())) response = await send(method, path, body);
  if (!response.ok) {
    const error = await problem(response);
    if (error.status === 401 && path !== "/login" && path !== "/me/password") onExpired();
    throw error;
  }
  return parsed<T>(response);
}

async function parsed<T>(response: Response): Promise<T> {
  try {
    const text = await response.text();
    return (text ? JSON.parse(text) : undefined) as T;
  } catch {
    throw new ApiError(502, "bad_answer", "The answer was cut off or is not the daemon's: something between it and this page may be broken.");
  }
}

export const get = <T>(path: string) => call<T>("GET", path);
export const post = <T>(path: string, body?: unknown) => call<T>("POST", path, body);

/** `?a=1&b=2` of the parameters that have a value. */
export function query(parameters: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) search.set(name, String(value));
  const text = search.toString();
  return text ? `?${text}` : "";
}

export function upload(file: File): Promise<Attachment> {
  const form = new FormData();
  form.append("file", file, file.name);
  return post<Attachment>("/attachments", form);
}

/** Where the bytes of a stored attachment are. */
/** A message's page, cleaned; with pictures from elsewhere only where they were asked for. */
export function pageUrl(message: string, images: boolean): string {
  return `${base}/messages/${encodeURIComponent(message)}/page${query({ images: images ? "true" : undefined })}`;
}

export function attachmentUrl(attachment: Attachment): string | undefined {
  if (!attachment.hash) return undefined;
  return `${base}/attachments/${encodeURIComponent(attachment.hash)}${query({ name: attachment.name, type: attachment.media_type })}`;
}
