/** What is being written in a room, per person: survives a reload, not a sending. */
export class Draft {
  #key;

  constructor({ owner, room }) {
    this.#key = `draft:${owner}:${room}`;
  }

  // Storage can be refused or full; a draft is then only as safe as the tab.
  get text() {
    try {
      return localStorage.getItem(this.#key) ?? "";
    } catch {
      return "";
    }
  }

  set text(value) {
    try {
      if (value) localStorage.setItem(this.#key, value);
      else localStorage.removeItem(this.#key);
    } catch {
      return;
    }
  }
}
