// What a person sees of the log. Other kinds keep their place in it and are passed over.
const SHOWN = new Set(["message", "member", "room", "system", "announcement"]);

/**
 * The part of a room's log that the page holds: one stretch without gaps, `first` to `last`.
 * It ends at the newest event (`atEnd`) unless the reader went far up, or came in by a link.
 *
 * `entries` are the events to show, ascending; passing lines (`system` and `announcement`, without a seq) stand
 * where they came in. Nothing here limits the stretch: the caller trims what it does not show.
 */
export class Room {
  #entries = [];
  #first = 0;
  #last = 0;
  #head;

  constructor({ events, head }) {
    this.#head = head;
    this.replace(events);
  }

  get entries() {
    return this.#entries;
  }

  get first() {
    return this.#first;
  }

  get last() {
    return this.#last;
  }

  get head() {
    return this.#head;
  }

  get atEnd() {
    return this.#last >= this.#head;
  }

  get hasOlder() {
    return this.#first > 1;
  }

  holds(seq) {
    return seq >= this.#first && seq <= this.#last;
  }

  /** @returns {boolean} whether the event joined the stretch, and is to be shown */
  receive(event) {
    if (event.seq === undefined) return this.#pass(event);
    const follows = this.atEnd && event.seq > this.#last;
    this.#head = Math.max(this.#head, event.seq);
    if (!follows) return false;
    this.#last = event.seq;
    return this.#show(event);
  }

  replace(events) {
    this.#entries = events.filter(isShown);
    this.#first = events[0]?.seq ?? this.#head + 1;
    this.#last = events.at(-1)?.seq ?? this.#head;
    this.#head = Math.max(this.#head, this.#last);
  }

  /** What is here does not reach the log's end any more, which is at `head` now. */
  loseEnd(head) {
    this.#head = head;
    this.#last = Math.min(this.#last, head - 1);
  }

  prepend(events) {
    const older = events.filter((event) => event.seq < this.#first);
    if (older.length === 0) return;
    this.#first = older[0].seq;
    this.#entries = [...older.filter(isShown), ...this.#entries];
  }

  append(events) {
    const newer = events.filter((event) => event.seq > this.#last);
    if (newer.length === 0) return;
    this.#last = newer.at(-1).seq;
    this.#head = Math.max(this.#head, this.#last);
    this.#entries = [...this.#entries, ...newer.filter(isShown)];
  }

  trimStart(limit) {
    if (this.#entries.length <= limit) return;
    this.#entries = this.#entries.slice(-limit);
    this.#first = this.#entries.find(({ seq }) => seq)?.seq ?? this.#first;
  }

  trimEnd(limit) {
    if (this.#entries.length <= limit) return;
    this.#entries = this.#entries.slice(0, limit);
    this.#last = this.#entries.findLast(({ seq }) => seq)?.seq ?? this.#last;
  }

  #pass(event) {
    return this.atEnd && this.#show({ timestamp: new Date().toISOString(), ...event });
  }

  #show(event) {
    if (!isShown(event)) return false;
    this.#entries.push(event);
    return true;
  }
}

function isShown(event) {
  return SHOWN.has(event.type);
}
