/**
 * What is being written in a room, per person: survives a reload and the closing of the tab, not
 * a sending. Each tab has its own; one that is opened begins with the draft that was written last.
 */
export class Draft {
  #key;
  #text;

  constructor({ owner, room }) {
    this.#key = `draft:${owner}:${room}`;
    this.#text = quietly(() => sessionStorage.getItem(this.#key) ?? localStorage.getItem(this.#key)) ?? "";
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
  }

  /** The tab may be closed: another may have sent what it wrote over this one. */
  leave() {
    if (this.#text) quietly(() => localStorage.setItem(this.#key, this.#text));
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
