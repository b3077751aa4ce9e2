/** The frames of the web chat's socket, as `docs/web-chat.md` describes them. */

export interface Status {
  owner: "bot" | "queue" | "agent" | "closed";
  /** The agent's name, while an agent is the owner. */
  agent?: string;
  /** 1 is next. */
  position?: number;
}

export type Author = { type: "customer" } | { type: "bot" } | { type: "agent"; name: string } | { type: "system" };

/** A file of an entry. A relative URL is one of the channel's own. */
export interface SharedFile {
  name: string;
  media_type: string;
  size?: number;
  url: string;
}

export interface Button {
  title: string;
  postback?: string;
  url?: string;
}

/** Something that the bot shows: a product, a place. All of it is text and addresses. */
export interface Card {
  title: string;
  text?: string;
  image?: string;
  price?: string;
  link?: string;
  buttons?: Button[];
}

export interface Entry {
  /** Rises within a thread; sorts as text. */
  id: string;
  at: string;
  author: Author;
  text: string;
  attachments?: SharedFile[];
  buttons?: Button[];
  cards?: Card[];
  location?: { latitude: number; longitude: number; name?: string };
  /** The id that this or another browser of the visitor gave the message. */
  message?: string;
}

/** What an upload is answered with, and what a message names the file by. */
export interface Uploaded {
  name: string;
  media_type: string;
  hash: string;
  size: number;
  proof: string;
}

/** Who the page says its user is. What is to be believed carries a hash made by the page's server. */
export interface User {
  id?: string;
  hash?: string;
  name?: string;
  email?: string;
  email_hash?: string;
  phone?: string;
  phone_hash?: string;
  attributes?: string;
  attributes_hash?: string;
}

export type ClientFrame =
  | { type: "hello"; token?: string; user?: User; after?: string }
  | { type: "message"; id: string; text: string; attachments: Uploaded[] }
  | { type: "postback"; id: string; value: string; title: string }
  | { type: "typing"; on: boolean }
  | { type: "reached"; entry: string; reached: "delivered" | "read" }
  | { type: "ping" };

export type ServerFrame =
  | { type: "ready"; token: string; verified: boolean; status: Status }
  | { type: "accepted"; id: string; entry: string }
  | { type: "error"; id?: string; code: string; message: string; retry_after?: number }
  | { type: "entries"; entries: Entry[] }
  | { type: "status"; status: Status }
  | { type: "typing"; name: string }
  | { type: "writing"; text: string }
  | { type: "pong" };

/** The longest text of a message, in characters. */
export const MAX_TEXT = 10_000;
/** The most files of a message. */
export const MAX_FILES = 10;
