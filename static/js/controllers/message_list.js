import { $ } from "../helpers/dom.js";
import { MessageView } from "./message_view.js";

const LIMIT = 300;
const SLACK = 50;
const NEAR_END = 100;
const NEAR_START = 800;
const HIDDEN_MS = 250;

/**
 * The scrolling list. It draws what the room and the outbox hold, at most once a frame, and
 * keeps what is being read where it is: at the end by sticking to it, elsewhere by an anchor.
 *
 * @param {object} delegate `older()`, `newer()`: the reader nears an end of what is loaded;
 *   `moved()`: the reader sees another part
 */
export class MessageList {
  #scroller;
  #list;
  #room;
  #outbox;
  #you;
  #delegate;
  #views = new Map();
  #entries = new WeakMap();
  #stuck = true;
  #scheduled = false;
  #unreadFrom = null;

  constructor({ scroller, room, outbox, you, delegate }) {
    this.#scroller = scroller;
    this.#list = $(".messages__list", scroller);
    this.#room = room;
    this.#outbox = outbox;
    this.#you = you;
    this.#delegate = delegate;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    const resized = new ResizeObserver(() => this.#stuck && this.#toEnd());
    resized.observe(scroller);
    resized.observe(this.#list);
    document.addEventListener("visibilitychange", () => this.#scheduled && this.draw());
  }

  get isAtEnd() {
    return this.#stuck && this.#room.atEnd;
  }

  set you(you) {
    this.#you = you;
  }

  /** The first unread seq: a line is drawn before its message. */
  set unreadFrom(seq) {
    this.#unreadFrom = seq;
    this.schedule();
  }

  get unreadFrom() {
    return this.#unreadFrom;
  }

  /** Draws before the next frame; hidden tabs have no frames, and must not pile up work. */
  schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (document.hidden) setTimeout(() => this.draw(), HIDDEN_MS);
    else requestAnimationFrame(() => this.draw());
  }

  // Sticking to the end the oldest go; a reader further up keeps them, and the newest wait.
  draw({ dropOldest = this.#stuck } = {}) {
    this.#scheduled = false;
    if (this.#stuck && this.#isFull) return this.#makeRoom();
    const anchor = this.#stuck ? null : this.#anchor();
    if (dropOldest) this.#room.trimStart(LIMIT - this.#outbox.items.length);
    else this.#room.trimEnd(LIMIT - this.#outbox.items.length);
    this.#reconcile();
    if (this.#stuck) this.#toEnd();
    else this.#hold(anchor);
  }

  get #isFull() {
    return this.#room.entries.length + this.#outbox.items.length > LIMIT;
  }

  // In a frame of its own: taking away above and adding below at once would move every line,
  // one after the other moves none.
  #makeRoom() {
    this.#room.trimStart(LIMIT - SLACK - this.#outbox.items.length);
    this.#reconcile(this.#wanted.filter((entry) => this.#views.has(entry)));
    this.#toEnd();
    this.schedule();
  }

  focus() {
    this.#scroller.focus({ preventScroll: true });
  }

  stickToEnd() {
    this.#stuck = true;
    this.draw();
    this.#delegate.moved();
  }

  /** Asks for more where the reader is near an end, or nothing can be scrolled yet. */
  look() {
    this.#scrolled();
  }

  /** Shows one message: in the middle for a link, at the top for where reading goes on. */
  show(seq, { block = "center", highlight = false } = {}) {
    const row = document.getElementById(`m${seq}`);
    if (!row) return false;
    this.#stuck = false;
    row.scrollIntoView({ block });
    if (highlight) this.#highlight(row);
    this.#scrolled();
    return true;
  }

  /** The row above or below the focused one, or the last one in view. */
  step(direction) {
    const rows = [...this.#list.children];
    const current = rows.indexOf(document.activeElement.closest(".message"));
    const inView = rows.findLastIndex((row) => this.#isInView(row));
    const from = current >= 0 ? current + direction : inView;
    this.#focus(rows[Math.max(0, Math.min(rows.length - 1, from))]);
  }

  #focus(row) {
    if (!row) return;
    for (const other of this.#list.querySelectorAll("[tabindex='0']")) other.tabIndex = -1;
    row.tabIndex = 0;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  #isInView(row) {
    const { top, bottom } = this.#scroller.getBoundingClientRect();
    const box = row.getBoundingClientRect();
    return box.bottom > top && box.bottom <= bottom + 1;
  }

  #reconcile(wanted = this.#wanted) {
    this.#drop(new Set(wanted));
    let previous = null;
    let place = this.#list.firstElementChild;
    for (const entry of wanted) {
      const view = this.#viewOf(entry);
      view.place(previous, this.#isFirstUnread(entry, previous));
      if (view.element === place) place = place.nextElementSibling;
      else this.#list.insertBefore(view.element, place);
      previous = entry;
    }
  }

  get #wanted() {
    return [...this.#room.entries, ...this.#outbox.items.map((item) => this.#asEntry(item))];
  }

  #asEntry(item) {
    if (!this.#entries.has(item)) {
      const { client_id, text, timestamp } = item;
      this.#entries.set(item, { type: "message", from: this.#you, client_id, text, timestamp, item });
    }
    return this.#entries.get(item);
  }

  #viewOf(entry) {
    if (!this.#views.has(entry)) this.#views.set(entry, new MessageView(entry, this.#you));
    const view = this.#views.get(entry);
    if (entry.item) view.showState(entry.item);
    return view;
  }

  #drop(wanted) {
    for (const [entry, view] of this.#views) {
      if (wanted.has(entry)) continue;
      view.element.remove();
      this.#views.delete(entry);
    }
  }

  #isFirstUnread(entry, previous) {
    if (this.#unreadFrom === null || !(entry.seq >= this.#unreadFrom)) return false;
    return !(previous?.seq >= this.#unreadFrom);
  }

  // By its bottom: a row that is no longer the first loses its day and its heading at the top.
  #anchor() {
    const { top } = this.#scroller.getBoundingClientRect();
    for (const row of this.#list.children) {
      const { bottom } = row.getBoundingClientRect();
      if (bottom > top) return { row, bottom };
    }
    return null;
  }

  #hold(anchor) {
    if (!anchor?.row.isConnected) return;
    this.#scroller.scrollTop += anchor.row.getBoundingClientRect().bottom - anchor.bottom;
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const below = scrollHeight - clientHeight - scrollTop;
    this.#stuck = below <= NEAR_END && this.#room.atEnd;
    if (scrollTop < NEAR_START && this.#room.hasOlder) this.#delegate.older();
    if (below < NEAR_START && !this.#room.atEnd) this.#delegate.newer();
    this.#delegate.moved();
  }

  #highlight(row) {
    row.classList.add("message--linked");
    row.addEventListener("animationend", () => row.classList.remove("message--linked"), { once: true });
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
  }
}
