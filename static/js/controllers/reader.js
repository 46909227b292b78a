const READ_MS = 1_000;

/**
 * Where the reader is in the log: landing, paging, following links, and telling the server what
 * was read.
 */
export class Reader {
  #room;
  #list;
  #history;
  #button;
  #you;
  #sendRead;
  #readSeq;
  #unseen = 0;
  #hasLanded = false;
  #wasAway = false;
  #paging = null;
  #readTimer = null;

  /** @param {number | null} readSeq null when the server keeps no place for this person */
  constructor({ room, history, button, you, readSeq, sendRead }) {
    this.#room = room;
    this.#history = history;
    this.#button = button;
    this.#you = you;
    this.#readSeq = readSeq;
    this.#sendRead = sendRead;
    button.addEventListener("click", () => this.#jumped());
    addEventListener("hashchange", () => this.#followLink());
    addEventListener("focus", () => this.moved());
    // Not pagehide: what a socket is given there no longer leaves the browser.
    addEventListener("beforeunload", () => this.#hasReadNewest && this.#tellRead());
    addEventListener("blur", () => (this.#wasAway = true));
    document.addEventListener("visibilitychange", () => this.moved());
  }

  async land(list) {
    this.#list = list;
    list.draw();
    if (linkedSeq()) await this.#followLink();
    else if (this.#readSeq !== null && this.#readSeq < this.#room.head) await this.#toUnread();
    this.#hasLanded = true;
    list.look();
  }

  /** A new event of the log: seen at once, or counted until it is. */
  arrived(event) {
    if (event.type !== "message" || event.from.id === this.#you.id) return;
    if (this.#wasAway && !isWatching()) {
      this.#wasAway = false;
      this.#list.unreadFrom = event.seq;
    }
    if (!this.#list.isAtEnd) this.#unseen++;
  }

  moved() {
    if (!this.#hasLanded) return;
    const { isAtEnd } = this.#list;
    if (isAtEnd) this.#unseen = 0;
    if (this.#button.hidden !== isAtEnd) this.#button.hidden = isAtEnd;
    if (!isAtEnd) this.#button.textContent = newestLabel(this.#unseen);
    if (this.#hasReadNewest) this.#scheduleRead();
  }

  older() {
    return this.#page(async () => {
      this.#room.prepend(await this.#history.page({ before: this.#room.first }));
      this.#list.draw({ dropOldest: false });
    });
  }

  newer() {
    return this.#page(async () => {
      this.#room.append(await this.#history.page({ after: this.#room.last }));
      this.#list.draw({ dropOldest: true });
    });
  }

  // The button goes away.
  #jumped() {
    this.#list.focus();
    return this.toNewest();
  }

  async toNewest() {
    if (!this.#room.atEnd) await this.#load(() => this.#loadNewest());
    if (this.#room.atEnd) this.#list.stickToEnd();
  }

  /** The server could not say what was missed: start over from its newest page. */
  reload(head) {
    this.#room.loseEnd(head);
    return this.toNewest();
  }

  // While the newest page is on its way newer events come in; those are asked for as well.
  async #loadNewest() {
    this.#room.replace(await this.#history.newest());
    for (let tries = 3; tries > 0 && !this.#room.atEnd; tries--) {
      this.#room.append(await this.#history.page({ after: this.#room.last }));
    }
  }

  // Scrolling asks often: once at a time is enough, and not before the reader has landed.
  #page(load) {
    if (!this.#paging && this.#hasLanded) this.#load(load);
  }

  // What cannot be had is asked for again by the next scrolling.
  #load(load) {
    const loading = (this.#paging ?? Promise.resolve())
      .then(load)
      .then(() => true, () => false)
      .then((loaded) => this.#loaded(loading, loaded));
    return (this.#paging = loading);
  }

  #loaded(loading, loaded) {
    if (this.#paging === loading) this.#paging = null;
    if (loaded && this.#hasLanded) this.#list.look();
  }

  async #toUnread() {
    if (this.#readSeq + 1 < this.#room.first) await this.#load(() => this.#loadUnread());
    const unread = this.#room.entries.filter((entry) => this.#isUnread(entry));
    if (unread.length === 0) return;
    this.#unseen = this.#room.atEnd ? unread.length : this.#room.head - this.#readSeq;
    this.#list.unreadFrom = unread[0].seq;
    this.#list.draw();
    this.#list.show(unread[0].seq, { block: "start" });
  }

  // With a little of what was read before, to be reminded.
  async #loadUnread() {
    this.#room.replace(await this.#history.page({ after: Math.max(0, this.#readSeq - 10) }));
  }

  #isUnread({ type, seq, from }) {
    return type === "message" && seq > this.#readSeq && from.id !== this.#you.id;
  }

  async #followLink() {
    const seq = linkedSeq();
    if (!seq || seq > this.#room.head) return;
    if (!this.#room.holds(seq)) {
      await this.#load(async () => this.#room.replace(await this.#history.around(seq)));
    }
    this.#list.draw();
    this.#list.show(seq, { highlight: true });
  }

  #scheduleRead() {
    if (this.#readTimer || !this.#tellRead()) return;
    this.#readTimer = setTimeout(() => {
      this.#readTimer = null;
      this.moved();
    }, READ_MS);
  }

  #tellRead() {
    if (this.#readSeq === null || this.#room.last <= this.#readSeq) return false;
    if (!this.#sendRead(this.#room.last)) return false;
    this.#readSeq = this.#room.last;
    return true;
  }

  get #hasReadNewest() {
    return this.#hasLanded && this.#list.isAtEnd && isWatching();
  }
}

function isWatching() {
  return !document.hidden && document.hasFocus();
}

function linkedSeq() {
  return Number(location.hash.match(/^#m(\d+)$/)?.[1] ?? 0);
}

function newestLabel(unseen) {
  return unseen ? `Jump to newest (${unseen} new)` : "Jump to newest";
}
