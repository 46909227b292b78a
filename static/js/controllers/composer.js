import { $, isTouch } from "../helpers/dom.js";
import { parseCommand, unescaped } from "../models/commands.js";

const LIMIT = 8_000;
const WARN_AT = 7_500;
const HEIGHT = 0.4;
const TYPING_MS = 2_000;

/**
 * Where one writes.
 * @param {object} delegate `send(text)`, `command({name, argument})`, `typing()`
 */
export class Composer {
  #form;
  #input;
  #note;
  #counter;
  #draft;
  #suggestions;
  #delegate;
  #typedAt = 0;

  constructor({ form, draft, suggestions, delegate }) {
    this.#form = form;
    this.#input = $("textarea", form);
    this.#note = $(".composer__note", form);
    this.#counter = $(".composer__counter", form);
    this.#draft = draft;
    this.#suggestions = suggestions;
    this.#delegate = delegate;
    this.#listen();
    this.#input.value = draft.text;
    this.#fit();
    this.#count();
    if (!isTouch() && !location.hash) this.focus();
  }

  focus() {
    this.#input.focus();
  }

  get isEmpty() {
    return this.#input.value.trim() === "";
  }

  /** A line under the box, until the next key: why something was not done. */
  tell(text) {
    this.#note.textContent = text;
  }

  /** Nothing can be sent here any more; what was typed stays to be copied. */
  close() {
    this.#input.readOnly = true;
    this.#input.placeholder = "";
    $(".composer__send", this.#form).disabled = true;
  }

  #listen() {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("keydown", (event) => this.#keydown(event));
    this.#input.addEventListener("input", () => this.#changed());
    addEventListener("resize", () => this.#fit());
    addEventListener("pagehide", () => this.#draft.leave());
  }

  // keyCode 229: Safari ends a composition before it tells of the Enter that ended it.
  #keydown(event) {
    if (this.#suggestions.handleKey(event)) return;
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    if (isTouch() && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.#submit();
  }

  #changed() {
    this.#draft.text = this.#input.value;
    this.tell("");
    this.#fit();
    this.#count();
    this.#tellTyping();
  }

  #submit() {
    const text = clean(this.#input.value);
    if (!text || this.#input.readOnly) return;
    const command = parseCommand(text);
    if (command && !command.known) {
      this.tell(`There is no command /${command.name}. Begin with // to send a line with a slash.`);
    } else if (length(text) > LIMIT) {
      this.tell(`A message has at most ${LIMIT.toLocaleString()} characters.`);
    } else {
      this.#take(text, command);
    }
  }

  #take(text, command) {
    this.#input.value = "";
    this.#changed();
    this.#typedAt = 0;
    if (command) this.#delegate.command(command);
    else this.#delegate.send(unescaped(text));
    this.#input.focus();
  }

  #tellTyping() {
    if (this.isEmpty || this.#input.value.startsWith("/")) return;
    if (Date.now() - this.#typedAt < TYPING_MS) return;
    this.#typedAt = Date.now();
    this.#delegate.typing();
  }

  #fit() {
    const { style } = this.#input;
    const limit = innerHeight * HEIGHT;
    const wanted = this.#wantedHeight();
    style.height = `${Math.min(wanted, limit)}px`;
    style.overflowY = wanted > limit ? "auto" : "hidden";
  }

  // Meanwhile a margin takes its place: else the messages above would be scrolled.
  #wantedHeight() {
    const { style, offsetHeight } = this.#input;
    style.marginTop = `${offsetHeight}px`;
    style.height = "0";
    const { scrollHeight } = this.#input;
    style.marginTop = "";
    return scrollHeight;
  }

  #count() {
    const left = LIMIT - length(this.#input.value);
    this.#counter.hidden = left > LIMIT - WARN_AT;
    this.#counter.textContent = left >= 0 ? `${left} left` : `${-left} too many`;
    this.#counter.classList.toggle("composer__counter--over", left < 0);
  }
}

// The server counts characters, not UTF-16 units; the cheap bound spares short texts the count.
function length(text) {
  return text.length < WARN_AT ? text.length : [...text].length;
}

// What the frame's strict reader would refuse, and nobody meant to send.
function clean(text) {
  const whole = text.toWellFormed?.() ?? text;
  return whole.replaceAll("\0", "").trimEnd().replace(/^\n+/, "");
}
