import { $, clone, paintAvatar } from "../helpers/dom.js";
import { clockTime, dayLabel, fullTime } from "../helpers/time.js";
import { continues, isEmojiOnly, startsDay } from "../models/grouping.js";

/** The element of one entry of the log, or of one item of the outbox. */
export class MessageView {
  #entry;
  #previous;
  #unread;
  #state = null;

  constructor(entry, you) {
    this.#entry = entry;
    this.element = entry.type === "message" ? message(entry, you) : line(entry);
    if (entry.seq) this.element.id = `m${entry.seq}`;
    if (entry.seq) this.element.setAttribute("aria-posinset", entry.seq);
  }

  /** Where it stands: under the same heading, on a new day, first of the unread. */
  place(previous, isFirstUnread) {
    if (this.#previous === previous && this.#unread === isFirstUnread) return;
    this.#previous = previous;
    this.#unread = isFirstUnread;
    const newDay = startsDay(this.#entry, previous);
    const together = !isFirstUnread && continues(this.#entry, previous);
    this.element.classList.toggle("message--continued", together);
    this.#divider(".message__day", newDay && dayLabel(this.#entry.timestamp));
    this.#divider(".message__new", isFirstUnread && "New");
  }

  /** What became of an item of the outbox. */
  showState({ state, problem }) {
    if (this.#state === state) return;
    this.#state = state;
    this.element.classList.toggle("message--pending", state !== "sent");
    this.element.classList.toggle("message--failed", state === "failed");
    this.element.setAttribute("aria-busy", state === "waiting" || state === "sending");
    $(".message__problem", this.element)?.remove();
    if (state === "failed") this.element.append(problemOf(problem));
  }

  #divider(selector, text) {
    const divider = $(selector, this.element);
    divider.hidden = !text;
    $("span", divider).textContent = text || "";
  }
}

/** One sentence about an event, for system lines and for the live region. */
export function sentence(event) {
  if (event.type === "message") return `${event.from.name}: ${event.text}`;
  if (event.type === "system") return event.message;
  if (event.type === "announcement") return `Announcement from ${event.from.name}: ${event.message}`;
  if (event.type === "room") return roomSentence(event);
  return memberSentence(event);
}

function message(entry, you) {
  const article = clone("message-template");
  const author = entry.from;
  article.classList.toggle("message--mine", author.id === you.id);
  article.classList.toggle("message--emoji", isEmojiOnly(entry.text));
  if (entry.item) article.dataset.clientId = entry.client_id;
  paintAvatar($(".avatar", article), author);
  $(".message__author", article).textContent = author.name;
  $(".message__guest", article).hidden = !author.guest;
  fillTime($(".message__time", article), entry.timestamp);
  fillBody($(".message__body", article), entry);
  $(".message__more", article).setAttribute("aria-label", `More about the message from ${author.name}`);
  name(article, `m${entry.seq ?? entry.client_id}`);
  return article;
}

// The only HTML that enters the page: `html` is the server's rendering, sanitised there.
function fillBody(body, { html, text }) {
  if (html === undefined) body.textContent = text;
  else body.innerHTML = html;
}

function line(entry) {
  const article = clone("line-template");
  article.classList.toggle("message--announcement", entry.type === "announcement");
  $(".message__body", article).textContent = sentence(entry);
  fillTime($(".message__time", article), entry.timestamp);
  return article;
}

function fillTime(time, timestamp) {
  time.dateTime = timestamp;
  time.title = fullTime(timestamp);
  time.textContent = clockTime(timestamp);
}

function name(article, id) {
  const parts = [".message__author", ".message__time", ".message__body"].map((part) => $(part, article));
  parts.forEach((part, index) => (part.id = `${id}-${index}`));
  article.setAttribute("aria-labelledby", `${id}-0 ${id}-1`);
  article.setAttribute("aria-describedby", `${id}-2`);
}

function problemOf(problem) {
  const node = clone("problem-template");
  $(".message__reason", node).textContent = `Not sent. ${problem}`;
  return node;
}

function roomSentence({ name: title, topic, by }) {
  const who = by?.name ?? "Someone";
  return `${who} set the room to “${title}”${topic ? `: ${topic}` : ""}`;
}

function memberSentence({ user, op, by }) {
  const doings = {
    join: `${user.name} joined the room`,
    leave: `${user.name} left the room`,
    kick: `${user.name} was removed from the room`,
    ban: `${user.name} was banned from the room`,
    role: `${user.name} has a new role`,
  };
  const doing = doings[op] ?? `${user.name}: ${op}`;
  return by && op !== "join" && op !== "leave" ? `${doing} by ${by.name}` : doing;
}
