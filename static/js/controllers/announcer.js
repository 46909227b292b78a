const PAUSE_MS = 700;
const ONE_BY_ONE = 3;
const KEPT_MS = 10_000;

/** Tells a screen reader of new messages, politely, and of a flood in one sentence. */
export class Announcer {
  #region;
  #waiting = [];
  #timer = null;

  constructor(region) {
    this.#region = region;
  }

  say(sentence) {
    this.#waiting.push(sentence);
    this.#timer ??= setTimeout(() => this.#speak(), PAUSE_MS);
  }

  #speak() {
    this.#timer = null;
    const sentences = this.#waiting.splice(0);
    if (sentences.length <= ONE_BY_ONE) sentences.forEach((sentence) => this.#add(sentence));
    else this.#add(`${sentences.length} new messages. The latest: ${sentences.at(-1)}`);
  }

  #add(sentence) {
    const line = document.createElement("p");
    line.textContent = sentence;
    this.#region.append(line);
    setTimeout(() => line.remove(), KEPT_MS);
  }
}
