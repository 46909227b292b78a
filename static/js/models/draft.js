/**
 * What is being written in a room, per person: survives a reload and the closing of the tab, not
 * a sending. Each tab has its own; one that is opened begins with the draft that was written last
 * and has not been sent.
 */
export class Draft {
  #key;
  #text;
  #isOwn;

  constructor({ owner, room }) {
    this.#key = `draft:${owner}:${room}`;
    const own = quietly(() => sessionStorage.getItem(this.#key));
    this.#text = own ?? quietly(() => localStorage.getItem(this.#key)) ?? "";
    this.#isOwn = Boolean(own);
    addEventListener("storage", (event) => this.#changedElsewhere(event));
  }

  get text() {
    return this.#text;
  }

  set text(value) {
    quietly(() => {
      sessionStorage.setItem(this.#key, value);
      if (value) localStorage.setItem(this.#key, value);
      else if (localStorage.getItem(this.#key) === this.#text) localStorage.removeItem(this.#key);
    });
    this.#text = value;
    this.#isOwn = Boolean(value);
  }

  /** The tab may be closed: another may have sent what it wrote over this one. */
  leave() {
    if (!this.#isOwn) return;
    quietly(() => localStorage.getItem(this.#key) || localStorage.setItem(this.#key, this.#text));
  }

  // Another tab began with this one's, and has sent it.
  #changedElsewhere({ key, oldValue, newValue }) {
    if (key === this.#key && newValue === null && oldValue === this.#text) this.#isOwn = false;
  }
}

// Storage can be refused or full; a draft is then only as safe as the tab.
function quietly(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}
