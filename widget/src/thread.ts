/** What is known of the conversation: entries by id, and the cursor. Pure; order and doubles are settled here. */

import type { Entry, Status } from "./protocol";

export class Thread {
  /** By id, oldest first. */
  entries: Entry[] = [];
  status: Status = { owner: "bot" };
  /** The newest entry that the server has sent. A connection resumes after it. */
  cursor: string | undefined;

  /** Takes an entry that the server sent, once or again. Whether it is new. */
  receive(entry: Entry): boolean {
    if (!this.cursor || entry.id > this.cursor) this.cursor = entry.id;
    return this.put(entry);
  }

  /**
   * Puts an entry in its place. Own messages come here when they are accepted, before the server sends them; the
   * cursor stays, because entries before them may still be on their way.
   */
  put(entry: Entry): boolean {
    let at = this.entries.length;
    while (at > 0 && this.entries[at - 1]!.id > entry.id) at -= 1;
    const known = this.entries[at - 1]?.id === entry.id;
    if (known) this.entries[at - 1] = entry;
    else this.entries.splice(at, 0, entry);
    return !known;
  }

  has(id: string): boolean {
    return this.entries.some((entry) => entry.id === id);
  }

  /** Entries of the company after the one that was read last. */
  unread(read: string | undefined): Entry[] {
    return this.entries.filter((entry) => entry.author.type !== "customer" && (!read || entry.id > read));
  }

  /** The newest entry of the company. */
  get newest(): Entry | undefined {
    return this.unread(undefined).at(-1);
  }
}
