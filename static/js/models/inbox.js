import { api } from "../helpers/http.js";
import { Socket } from "./socket.js";

const API = "/api/notifications/";

/**
 * One's own notifications, as every tab and device sees them. `unread` is always a number the
 * server said: counting up and down here would drift.
 *
 * Events: `change`; `arrived` (detail: the notification) for what came in live; `room-unread`
 * (detail: {room, unread, mentions}); `announcement` (detail: {from, message}) to everybody.
 */
export class Inbox extends EventTarget {
  static #shared = null;

  /** One inbox, and one socket, for everything on the page. */
  static get shared() {
    return (Inbox.#shared ??= new Inbox());
  }

  #socket = new Socket("/ws/notifications/");
  #items = new Map();
  #feeds = { all: new Feed("all"), unread: new Feed("unread") };
  #unread = 0;

  open(unread) {
    this.#unread = unread;
    this.#socket.addEventListener("message", ({ detail }) => this.#receive(detail));
    this.#socket.open();
  }

  get unread() {
    return this.#unread;
  }

  /** @param {"all" | "unread"} filter newest first */
  items(filter) {
    const { oldest } = this.#feeds[filter];
    return [...this.#items.values()]
      .filter((item) => item.seq >= oldest && (filter === "all" || !item.read))
      .sort((one, other) => other.seq - one.seq);
  }

  hasMore(filter) {
    return this.#feeds[filter].hasMore;
  }

  /** Loads the first page once; `more` loads the next one. Rejects with an HttpError. */
  async load(filter) {
    if (!this.#feeds[filter].started) await this.more(filter);
  }

  async more(filter) {
    for (const item of await this.#feeds[filter].next()) this.#items.set(item.id, item);
    this.#changed();
  }

  markRead(id) {
    this.#socket.send({ type: "mark-read", ids: [id] });
  }

  // A frame may not leave a page that is being left; a request with keepalive does.
  markReadWhileLeaving(id) {
    return this.#patch(id, { read: true });
  }

  markUnread(id) {
    return this.#patch(id, { read: false });
  }

  markAllRead() {
    const seqs = Array.from(this.#items.values(), ({ seq }) => seq);
    const newest = Math.max(this.#socket.lastSeq ?? 0, ...seqs);
    this.#socket.send({ type: "mark-all-read", up_to: newest });
  }

  #patch(id, change) {
    return api(`${API}${id}/`, { method: "PATCH", body: change, keepalive: true });
  }

  #receive(frame) {
    if (Number.isInteger(frame.unread) && frame.type !== "room-unread") this.#unread = frame.unread;
    if (frame.type === "notification") this.#arrived(frame);
    if (frame.type === "notification-update") this.#update(frame);
    if (frame.type === "announcement") this.#emit("announcement", frame);
    if (frame.type === "resync") this.#reload();
    if (frame.type === "room-unread") this.#emit("room-unread", frame);
    else this.#changed();
  }

  #arrived(frame) {
    const item = { ...frame, read: frame.read ?? false };
    this.#items.set(item.id, item);
    this.#emit("arrived", item);
  }

  #update({ ids = [], up_to, read }) {
    if (read === undefined) return;
    for (const item of this.#items.values()) {
      if (ids.includes(item.id) || item.seq <= up_to) this.#items.set(item.id, { ...item, read });
    }
  }

  #reload() {
    this.#items.clear();
    for (const filter of ["all", "unread"]) {
      const { started } = this.#feeds[filter];
      this.#feeds[filter] = new Feed(filter);
      if (started) this.more(filter).catch(() => this.#changed());
    }
  }

  #changed() {
    this.#emit("change", { unread: this.#unread });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** How far one filter of the list has been read from the API. */
class Feed {
  #address;
  #loading = null;
  started = false;
  oldest = Infinity;

  constructor(filter) {
    this.#address = filter === "unread" ? `${API}?unread=true` : API;
  }

  get hasMore() {
    return this.#address !== null;
  }

  next() {
    return (this.#loading ??= this.#fetch().finally(() => (this.#loading = null)));
  }

  async #fetch() {
    if (!this.hasMore) return [];
    const { results, next } = await api(this.#address);
    this.started = true;
    this.#address = next && pathOf(next);
    this.oldest = next ? results.at(-1).seq : 0;
    return results;
  }
}

// The server may not know the scheme and host by which the page reached it.
function pathOf(address) {
  const { pathname, search } = new URL(address, location.href);
  return pathname + search;
}
