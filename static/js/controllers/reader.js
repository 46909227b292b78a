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
    button.addEventListener("click", () => this.toNewest());
    addEventListener("hashchange", () => this.#followLink());
    addEventListener("focus", () => this.moved());
    addEventListener("blur", () => (this.#wasAway = true));
    document.addEventListener("visibilitychange", () => this.moved());
  }

  async land(list) {
    this.#list = list;
    list.draw();
    if (linkedSeq()) await this.#followLink();
    else if (this.#readSeq !== null && this.#readSeq < this.#room.head) await this.#toUnread();
    this.#hasLanded = true;
    this.moved();
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
    if (isAtEnd && isWatching()) this.#scheduleRead();
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

  async toNewest() {
    if (!this.#room.atEnd) await this.#page(() => this.#loadNewest());
    if (this.#room.atEnd) this.#list.stickToEnd();
  }

  /** The server could not say what was missed: start over from its newest page. */
  async reload(head) {
    await this.#paging;
    await this.#page(() => this.#loadNewest(head));
    this.#list.stickToEnd();
  }

  async #loadNewest(head) {
    this.#room.replace(await this.#history.newest(), head);
  }

  // A page that cannot be had is asked for again by the next scrolling.
  #page(load) {
    this.#paging ??= load()
      .catch(() => {})
      .finally(() => {
        this.#paging = null;
        this.moved();
      });
    return this.#paging;
  }

  async #toUnread() {
    if (this.#readSeq + 1 < this.#room.first) await this.#page(() => this.#loadUnread());
    const unread = this.#room.entries.filter((entry) => this.#isUnread(entry));
    if (unread.length === 0) return;
    this.#unseen = this.#room.atEnd ? unread.length : this.#room.head - this.#readSeq;
    this.#list.unreadFrom = unread[0].seq;
    this.#list.draw();
    this.#list.show(unread[0].seq, { block: "start" });
  }

  // With a little of what was read before, to be reminded.
  async #loadUnread() {
    this.#room.replace(await this.#history.page({ after: Math.max(0, this.#readSeq - 10) }), this.#room.head);
  }

  #isUnread({ type, seq, from }) {
    return type === "message" && seq > this.#readSeq && from.id !== this.#you.id;
  }

  async #followLink() {
    const seq = linkedSeq();
    if (!seq || seq > this.#room.head) return;
    if (!this.#room.holds(seq)) {
      await this.#page(async () => this.#room.replace(await this.#history.around(seq), this.#room.head));
    }
    this.#list.draw();
    this.#list.show(seq, { highlight: true });
  }

  #scheduleRead() {
    if (this.#readSeq === null || this.#readTimer || this.#room.last <= this.#readSeq) return;
    this.#readTimer = setTimeout(() => this.#read(), READ_MS);
    if (this.#sendRead(this.#room.last)) this.#readSeq = this.#room.last;
  }

  #read() {
    this.#readTimer = null;
    this.moved();
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
