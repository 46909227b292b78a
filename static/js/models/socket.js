import { newId } from "../helpers/ids.js";
import { backoff } from "./backoff.js";
import { FrameError } from "./frame_error.js";
import { Sequence } from "./sequence.js";

// Codes after which trying again cannot help: the "reconnect?" column of docs/protocol.md.
const FINAL_CODES = new Set([1000, 4400, 4401, 4403, 4404, 4413]);
const LOST = 1006;
const SIGNED_OUT = 4401;

// A connection that lived this long was a good one, and its loss starts the backoff anew.
const STABLE_MS = 5_000;
const CHECK_MS = 5_000;
const ANSWER_MS = 10_000;
// While the browser says it is offline it may be wrong (a server on the same machine).
const OFFLINE_RETRY_MS = 30_000;

/**
 * A WebSocket that comes back, for the sockets of docs/protocol.md. Usable on any page:
 *
 *     const socket = new Socket("/ws/chat/general/", { after: 0 });
 *     socket.addEventListener("message", ({ detail }) => console.log(detail.type, detail.seq));
 *     socket.open();
 *     socket.send({ type: "message", text: "Hello", client_id: crypto.randomUUID() });
 *
 * Events (all CustomEvents; the facts are in `detail`):
 * - `open` {welcome, resumed}: the server said welcome; what was buffered has been sent
 * - `message`: one frame of the server, in order, never twice
 * - `close` {code, final, message}: the connection is gone; `final`: and is not coming back,
 *   by the server's word. 4401 is final until the person signs in again and `open()` is called
 * - `reconnect` {attempt, delay}: the next attempt is in `delay` milliseconds
 * - `reconnect_failed` {attempts}: `maxReconnectAttempts` in a row came to nothing
 * - `full` {frame}: the buffer is full, and this frame was not taken
 *
 * A gap in the log is closed by reconnecting with `after`. If that does not close it, a
 * `resync {seq}` is dispatched as if the server had sent it: reload the log over HTTP.
 */
export class Socket extends EventTarget {
  #url;
  #options;
  #sequence;
  #socket = null;
  #wanted = false;
  #welcome = null;
  #openedAt = 0;
  #attempts = 0;
  #timer = null;
  #checker = null;
  #heardAt = 0;
  #askedAt = 0;
  #told = {};
  #buffer = [];
  #requests = new Map();
  #turn = 0;

  /**
   * @param {string | URL} url absolute, or relative to the page; http(s) becomes ws(s)
   * @param {object} [options]
   * @param {boolean} [options.reconnect] come back after a loss
   * @param {number} [options.reconnectInterval] ms before the first attempt, then doubling
   * @param {number} [options.maxReconnectInterval] ms between attempts at most
   * @param {number} [options.maxReconnectAttempts] in a row
   * @param {number | null} [options.after] resume after this seq; null: from now on
   * @param {number} [options.bufferSize] frames kept while away
   * @param {number} [options.heartbeat] ms of silence before asking whether the server is there
   * @param {() => Promise<string>} [options.ticket] asked before each connection, for pages that
   *   cannot send the session cookie: resolves to the ticket of `POST /api/ws-ticket/`. A
   *   rejection with `status` 401 or 403 counts as being signed out, any other as a loss
   */
  constructor(url, options = {}) {
    super();
    this.#url = url;
    this.#options = {
      reconnect: true,
      reconnectInterval: 1_000,
      maxReconnectInterval: 30_000,
      maxReconnectAttempts: Infinity,
      after: null,
      bufferSize: 100,
      heartbeat: 20_000,
      ticket: null,
      ...options,
    };
    this.#sequence = new Sequence(this.#options.after);
  }

  /** The seq of the last frame of the log that was taken, or null. */
  get lastSeq() {
    return this.#sequence.last;
  }

  get connected() {
    return this.#welcome !== null;
  }

  open() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#attempts = 0;
    addEventListener("online", this.#onOnline);
    addEventListener("offline", this.#onOffline);
    document.addEventListener("visibilitychange", this.#onVisible);
    this.#connect();
  }

  /** Ends it for good; `open()` starts again where this left off. */
  close() {
    if (!this.#wanted) return;
    this.#stop();
    this.#detach();
    this.#emit("close", { code: 1000, final: true, message: "" });
  }

  /**
   * Sends a frame, or keeps it until the connection is back.
   * @returns {boolean} false when the buffer is full and the frame was not taken
   */
  send(frame) {
    if (this.connected) return this.#write(frame);
    if (this.#buffer.length >= this.#options.bufferSize) {
      this.#emit("full", { frame });
      return false;
    }
    this.#buffer.push(frame);
    return true;
  }

  /**
   * Sends a frame with a `ref` and waits for its answer. Not kept while away.
   * @returns {Promise<object>} the answer; rejects with a FrameError
   */
  request(frame) {
    if (!this.connected) return Promise.reject(new FrameError({ message: "Not connected." }));
    return new Promise((resolve, reject) => {
      const ref = newId();
      const timer = setTimeout(() => this.#settle({ ref, type: "error" }), ANSWER_MS);
      this.#requests.set(ref, { resolve, reject, timer });
      this.#write({ ...frame, ref });
    });
  }

  async #connect() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const turn = ++this.#turn;
    try {
      const address = await this.#address();
      if (turn === this.#turn && this.#wanted) this.#attach(new WebSocket(address));
    } catch (error) {
      const refused = error.status === 401 || error.status === 403;
      if (turn === this.#turn && this.#wanted) this.#lost(refused ? SIGNED_OUT : LOST);
    }
  }

  async #address() {
    const url = new URL(this.#url, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    if (this.lastSeq !== null) url.searchParams.set("after", this.lastSeq);
    if (this.#options.ticket) url.searchParams.set("ticket", await this.#options.ticket());
    return url;
  }

  #attach(socket) {
    this.#socket = socket;
    this.#told = {};
    this.#askedAt = this.#heardAt = Date.now();
    this.#checker = setInterval(() => this.#check(), CHECK_MS);
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code }) => this.#lost(code);
  }

  #detach() {
    clearInterval(this.#checker);
    this.#turn++;
    const socket = this.#socket;
    this.#socket = this.#welcome = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  #stop() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#timer = null;
    removeEventListener("online", this.#onOnline);
    removeEventListener("offline", this.#onOffline);
    document.removeEventListener("visibilitychange", this.#onVisible);
  }

  #receive(data) {
    this.#heardAt = Date.now();
    this.#askedAt = 0;
    const frame = parse(data);
    if (!frame) return;
    const verdict = this.#sequence.judge(frame);
    if (verdict === "reconnect") this.#lost(LOST);
    if (verdict === "reload") this.#emit("message", { type: "resync", seq: frame.seq });
    if (verdict === "take") this.#take(frame);
  }

  #take(frame) {
    if (frame.type === "welcome") this.#opened(frame);
    // Only the last words before a close explain it; an error that was survived does not.
    this.#told = frame.type === "closing" || frame.type === "error" ? frame : {};
    this.#settle(frame);
    this.#emit("message", frame);
  }

  // Not before the welcome: a socket that is accepted may still be refused, and would take the
  // buffer with it.
  #opened(welcome) {
    const resumed = this.#openedAt > 0;
    this.#welcome = welcome;
    this.#openedAt = Date.now();
    for (const frame of this.#buffer.splice(0)) this.#write(frame);
    this.#emit("open", { welcome, resumed });
  }

  #lost(code) {
    const lived = this.connected ? Date.now() - this.#openedAt : 0;
    if (lived >= STABLE_MS) this.#attempts = 0;
    this.#detach();
    const final = FINAL_CODES.has(code) || !this.#options.reconnect;
    if (final) this.#stop();
    for (const ref of this.#requests.keys()) this.#settle({ ref, type: "error" });
    this.#emit("close", { code, final, message: this.#told.message ?? "" });
    if (!final) this.#wait();
  }

  #wait() {
    if (this.#attempts >= this.#options.maxReconnectAttempts) {
      this.#stop();
      this.#emit("reconnect_failed", { attempts: this.#attempts });
      return;
    }
    this.#attempts++;
    const delay = this.#delay();
    this.#timer = setTimeout(() => this.#connect(), delay);
    this.#emit("reconnect", { attempt: this.#attempts, delay });
  }

  #delay() {
    const { reconnectInterval: interval, maxReconnectInterval: limit } = this.#options;
    if (this.#told.retry_after) return this.#told.retry_after * 1000;
    const delay = backoff(this.#attempts, { interval, limit });
    return navigator.onLine ? delay : Math.max(delay, OFFLINE_RETRY_MS);
  }

  // A half-open connection looks alive for minutes, and browsers hide the protocol's own pings.
  #check() {
    const { heartbeat } = this.#options;
    if (!heartbeat) return;
    const now = Date.now();
    if (this.#askedAt && now - this.#askedAt > ANSWER_MS) this.#lost(LOST);
    else if (!this.#askedAt && now - this.#heardAt > heartbeat) {
      this.#askedAt = now;
      this.#write({ type: "ping" });
    }
  }

  #write(frame) {
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #settle(frame) {
    const request = this.#requests.get(frame.ref);
    if (!request) return;
    this.#requests.delete(frame.ref);
    clearTimeout(request.timer);
    if (frame.type === "error") request.reject(new FrameError(frame));
    else request.resolve(frame);
  }

  // When the server asked for a pause, nothing on this side shortens it.
  #hurry() {
    if (this.#timer && !this.#told.retry_after) this.#connect();
  }

  #onOnline = () => {
    this.#attempts = 0;
    this.#hurry();
  };

  #onOffline = () => {
    if (this.#socket) this.#lost(LOST);
  };

  #onVisible = () => {
    if (document.hidden) return;
    if (this.#socket) this.#check();
    else this.#hurry();
  };

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function parse(data) {
  try {
    const frame = JSON.parse(data);
    return frame !== null && typeof frame === "object" ? frame : null;
  } catch {
    return null;
  }
}
