import { newId } from "../helpers/ids.js";

const ANSWER_MS = 15_000;
const RETRY_MS = 2_000;
const PASSING = new Set(["rate_limited", "unavailable"]);

/**
 * What one person has written in one room and the server has not acknowledged.
 *
 * Items: {client_id, owner, room, text, timestamp, state, problem}. `state` is `waiting`,
 * `sending`, `sent` (acknowledged, the message itself not yet seen) or `failed` (`problem` says
 * why). One item is under way at a time, so that messages arrive in the order they were written
 * even when one has to be repeated; repeating is safe, for the client_id makes it one message.
 *
 * Events: `change`, whenever the items or their states did.
 */
export class Outbox extends EventTarget {
  #owner;
  #room;
  #store;
  #items = [];
  #send = null;
  #current = null;
  #timer = null;

  constructor({ owner, room, store }) {
    super();
    this.#owner = owner;
    this.#room = room;
    this.#store = store;
  }

  get items() {
    return this.#items;
  }

  /** Takes over what an earlier page left behind; gives back what belongs to other rooms. */
  async load() {
    const stored = await this.#store.all(this.#owner);
    const known = new Set(this.#items.map((item) => item.client_id));
    const mine = stored.filter((item) => item.room === this.#room && !known.has(item.client_id));
    this.#items.unshift(...mine.map(revived));
    this.#changed();
    return stored.filter((item) => item.room !== this.#room);
  }

  add(text) {
    const item = {
      client_id: newId(),
      owner: this.#owner,
      room: this.#room,
      text,
      timestamp: new Date().toISOString(),
      state: "waiting",
      problem: "",
    };
    this.#items.push(item);
    this.#store.put(item);
    this.#changed();
    return item;
  }

  /** @param {(item: object) => void} send called for one item at a time */
  resume(send) {
    this.#send = send;
    this.#next();
  }

  pause() {
    this.#send = null;
    this.#release("waiting");
  }

  /** The server's `sent`: stored, whatever becomes of the connection. */
  acknowledge({ client_id, seq }) {
    const item = this.#find(client_id);
    if (!item) return;
    Object.assign(item, { state: "sent", seq });
    this.#store.delete(client_id);
    this.#proceed(item);
  }

  /** The server's `error` about an item: repeat it later, or leave it to the person. */
  refuse({ client_id, code, message, retry_after }) {
    const item = this.#find(client_id);
    if (!item) return;
    if (PASSING.has(code)) return this.#postpone(item, retry_after ? retry_after * 1000 : RETRY_MS);
    Object.assign(item, { state: "failed", problem: message || "The server refused it." });
    this.#store.put(item);
    this.#proceed(item);
  }

  /** The message is in the room's log: its item has done its work. */
  settle(clientId) {
    const item = this.#find(clientId);
    if (!item) return;
    this.#items = this.#items.filter((other) => other !== item);
    this.#store.delete(clientId);
    this.#proceed(item);
  }

  settleUpTo(seq) {
    for (const item of [...this.#items]) if (item.seq <= seq) this.settle(item.client_id);
  }

  retry(clientId) {
    const item = this.#find(clientId);
    if (item?.state !== "failed") return;
    Object.assign(item, { state: "waiting", problem: "" });
    this.#store.put(item);
    this.#changed();
  }

  discard(clientId) {
    this.settle(clientId);
  }

  #find(clientId) {
    return this.#items.find((item) => item.client_id === clientId);
  }

  #next() {
    if (!this.#send || this.#current) return;
    const item = this.#items.find(({ state }) => state === "waiting");
    if (!item) return;
    item.state = "sending";
    this.#current = item;
    this.#timer = setTimeout(() => this.#postpone(item, 0), ANSWER_MS);
    this.#send(item);
  }

  #postpone(item, delay) {
    if (item !== this.#current) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#release("waiting");
      this.#next();
    }, delay);
  }

  #proceed(item) {
    if (item === this.#current) this.#release();
    this.#changed();
  }

  #release(state) {
    clearTimeout(this.#timer);
    if (state && this.#current?.state === "sending") this.#current.state = state;
    this.#current = null;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
    this.#next();
  }
}

function revived(item) {
  return { ...item, state: item.state === "failed" ? "failed" : "waiting" };
}
