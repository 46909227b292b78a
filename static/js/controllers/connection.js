import { $ } from "../helpers/dom.js";

const ENDINGS = {
  4400: "The server did not understand this page. Reload it to go on.",
  4401: "You are signed out. What you have not sent is kept.",
  4403: "You can no longer read this room.",
  4404: "This room is not there any more.",
  4413: "The server found a message too large. Reload the page to go on.",
};
const SHUT = new Set([4403, 4404]);

/**
 * The state of the room's connection: quiet in the header, and a line above the composer when
 * somebody has to do something.
 * @param {object} delegate `shut()`: nothing can be sent here any more
 */
export class Connection {
  #root;
  #notice;
  #socket;
  #delegate;
  #timer = null;

  constructor({ root, notice, socket, delegate }) {
    this.#root = root;
    this.#notice = notice;
    this.#socket = socket;
    this.#delegate = delegate;
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("reconnect", ({ detail }) => this.#waiting(detail.delay));
    socket.addEventListener("close", ({ detail }) => detail.final && this.#ended(detail));
    socket.addEventListener("reconnect_failed", () => this.#failed());
    $(".notice__retry", notice).addEventListener("click", () => this.#retry());
  }

  #opened() {
    this.#show("connected", "Connected");
    this.#notice.hidden = true;
  }

  #waiting(delay) {
    if (navigator.onLine) this.#countDown(Date.now() + delay);
    else this.#show("offline", "Offline");
  }

  #countDown(until) {
    this.#show("reconnecting", "Reconnecting");
    const tick = () => {
      const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
      $(".connection__wait", this.#root).textContent = seconds ? ` in ${seconds} s` : "…";
    };
    tick();
    this.#timer = setInterval(tick, 1000);
  }

  #ended({ code, message }) {
    if (code === 1000) return this.#show("offline", "Disconnected");
    const signedOut = code === 4401;
    this.#show("offline", signedOut ? "Signed out" : "Disconnected");
    this.#tell((code === 4403 && message) || (ENDINGS[code] ?? message), { signIn: signedOut, retry: !SHUT.has(code) && !signedOut });
    if (SHUT.has(code)) this.#delegate.shut();
  }

  #failed() {
    this.#show("offline", "Offline");
    this.#tell("The server cannot be reached.", { retry: true });
  }

  #retry() {
    this.#notice.hidden = true;
    this.#show("reconnecting", "Reconnecting");
    this.#socket.open();
  }

  #show(state, text) {
    clearInterval(this.#timer);
    this.#root.dataset.state = state;
    $(".connection__wait", this.#root).textContent = "";
    const label = $(".connection__label", this.#root);
    if (label.textContent !== text) label.textContent = text;
  }

  #tell(text, { signIn = false, retry = false }) {
    $(".notice__text", this.#notice).textContent = text;
    $(".notice__sign-in", this.#notice).hidden = !signIn;
    $(".notice__retry", this.#notice).hidden = !retry;
    this.#notice.hidden = false;
  }
}
