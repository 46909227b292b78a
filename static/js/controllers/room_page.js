import { $, readJSON } from "../helpers/dom.js";
import { COMMANDS } from "../models/commands.js";
import { Draft } from "../models/draft.js";
import { History } from "../models/history.js";
import { Inbox } from "../models/inbox.js";
import { Outbox } from "../models/outbox.js";
import { OutboxStore } from "../models/outbox_store.js";
import { People } from "../models/people.js";
import { Room } from "../models/room.js";
import { Socket } from "../models/socket.js";
import { deliverStragglers } from "../models/stragglers.js";
import { Typists } from "../models/typists.js";
import { Announcer } from "./announcer.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { JumpDialog } from "./jump_dialog.js";
import { Keys } from "./keys.js";
import { MessageList } from "./message_list.js";
import { MessageMenu } from "./message_menu.js";
import { sentence } from "./message_view.js";
import { Reader } from "./reader.js";
import { RenameDialog } from "./rename_dialog.js";
import { Sidebar } from "./sidebar.js";
import { Suggestions } from "./suggestions.js";

/** Builds the room page and hands every frame to those it concerns. */
class RoomPage {
  #data = readJSON("room-data");
  #slug = this.#data.room.slug;
  #you = this.#data.you;
  #room = new Room({ events: this.#data.events, head: this.#data.seq });
  #people = new People();
  #typists = new Typists();
  #store = new OutboxStore();
  #outbox = new Outbox({ owner: this.#you.id, room: this.#slug, store: this.#store });
  #socket = new Socket(`/ws/chat/${this.#slug}/`, { after: this.#data.seq });
  #announcer = new Announcer($("#announcer"));
  #stragglers = [];

  async start() {
    this.#people.meet(this.#room.entries.flatMap(({ from, user }) => from ?? user ?? []));
    this.#buildReader();
    this.#buildFrame();
    this.#buildComposer();
    this.#listen();
    this.#reader.land(this.#list);
    this.#socket.open();
    this.#stragglers = await this.#outbox.load();
    for (const { client_id } of this.#room.entries) if (client_id) this.#outbox.settle(client_id);
    if (this.#socket.connected) this.#deliverStragglers();
  }

  #list;
  #reader;
  #sidebar;
  #composer;
  #rename;
  #jump;

  #buildReader() {
    this.#reader = new Reader({
      room: this.#room,
      history: new History({ slug: this.#slug, socket: this.#socket }),
      button: $(".jump-to-newest"),
      you: this.#you,
      readSeq: this.#data.read_seq,
      sendRead: (seq) => this.#socket.connected && this.#socket.send({ type: "read", seq }),
    });
    this.#list = new MessageList({
      scroller: $(".messages"),
      room: this.#room,
      outbox: this.#outbox,
      you: this.#you,
      delegate: this.#reader,
    });
    const told = (text) => this.#tell(text);
    new MessageMenu({ list: $(".messages__list"), menu: $("#message-menu"), told });
  }

  #buildFrame() {
    this.#sidebar = new Sidebar({
      root: $(".sidebar"),
      toggle: $(".sidebar-toggle"),
      backdrop: $(".backdrop"),
      people: this.#people,
      you: this.#you,
    });
    new Connection({
      root: $(".connection"),
      notice: $(".notice"),
      socket: this.#socket,
      delegate: { shut: () => this.#composer.close() },
    });
    this.#jump = new JumpDialog({ dialog: $("#jump-dialog"), rooms: () => this.#sidebar.rooms });
    this.#rename = new RenameDialog({ dialog: $("#rename-dialog"), rename: (name) => this.#setName(name) });
  }

  #buildComposer() {
    const form = $(".composer");
    const suggestions = new Suggestions({
      input: $("textarea", form),
      list: $(".suggestions", form),
      sources: { "@": (query) => this.#mentionable(query), "/": matchingCommands },
    });
    this.#composer = new Composer({
      form,
      suggestions,
      draft: new Draft({ owner: this.#you.id, room: this.#slug }),
      delegate: {
        send: (text) => this.#send(text),
        command: (command) => this.#run(command),
        typing: () => this.#socket.connected && this.#socket.send({ type: "typing" }),
      },
    });
  }

  #listen() {
    this.#socket.addEventListener("message", ({ detail }) => this.#frames[detail.type]?.(detail));
    this.#socket.addEventListener("close", () => this.#outbox.pause());
    this.#outbox.addEventListener("change", () => this.#list.schedule());
    this.#typists.addEventListener("change", () => ($(".typing").textContent = this.#typists.sentence));
    this.#people.addEventListener("change", () => this.#showOnline());
    Inbox.shared.addEventListener("room-unread", ({ detail }) => this.#sidebar.roomUnread(detail));
    $(".messages__list").addEventListener("click", ({ target }) => this.#settleProblem(target));
    for (const opener of document.querySelectorAll("[data-open]")) {
      opener.addEventListener("click", () => this.#open(opener.dataset.open));
    }
    new Keys({
      jump: () => this.#jump.open(),
      room: (step, unreadOnly) => this.#goToRoom(step, unreadOnly),
      message: (step) => this.#list.step(step),
      help: () => this.#open("help"),
      write: () => this.#composer.focus(),
      region: (step) => this.#goToRegion(step),
    });
  }

  #frames = {
    welcome: (frame) => this.#welcomed(frame),
    message: (frame) => this.#arrived(frame),
    member: (frame) => this.#arrived(frame),
    room: (frame) => this.#roomChanged(frame),
    system: (frame) => this.#passing(frame),
    announcement: (frame) => this.#announced(frame),
    presence: (frame) => this.#people.changed(frame),
    typing: ({ from }) => from.id !== this.#you.id && this.#typists.typing(from),
    sent: (frame) => this.#sent(frame),
    error: (frame) => this.#outbox.refuse({ ...frame, client_id: frame.client_id ?? frame.ref }),
    you: ({ you }) => this.#renamed(you),
    resync: ({ seq }) => this.#resync(seq),
  };

  #welcomed(frame) {
    this.#typists.clear();
    this.#renamed(frame.you);
    this.#people.welcome(frame);
    this.#outbox.resume(({ client_id, text }) =>
      this.#socket.send({ type: "message", text, client_id, ref: client_id }),
    );
    this.#deliverStragglers();
    this.#reader.moved();
  }

  #arrived(frame) {
    this.#room.receive(frame);
    this.#list.schedule();
    this.#reader.arrived(frame);
    if (frame.type === "message") this.#heard(frame);
    this.#reader.moved();
  }

  #heard(frame) {
    this.#typists.stopped(frame.from);
    this.#people.meet([frame.from]);
    if (frame.from.id === this.#you.id) this.#outbox.settle(frame.client_id);
    else this.#announcer.say(sentence(frame));
  }

  #roomChanged(frame) {
    this.#arrived(frame);
    $(".room__name").textContent = frame.name;
    $(".room__topic").textContent = frame.topic;
    document.title = document.title.replace(/^.*(?= · )/, frame.name);
  }

  // A rename says whom it is about; the list of people follows.
  #passing(frame) {
    if (frame.user) this.#people.renamed(frame.user);
    if (frame.user?.id === this.#you.id) this.#renamed(frame.user);
    this.#room.receive(frame);
    this.#list.schedule();
    this.#announcer.say(frame.message);
  }

  // The toast that every page shows is what is read out.
  #announced(frame) {
    this.#room.receive(frame);
    this.#list.schedule();
  }

  // A repeated message may have been in the log for long: it will not arrive again.
  #sent(frame) {
    if (!frame.client_id) return;
    this.#outbox.acknowledge(frame);
    if (frame.seq <= this.#socket.lastSeq) this.#outbox.settle(frame.client_id);
  }

  #renamed(you) {
    this.#you = you;
    this.#list.you = you;
    this.#sidebar.you = you;
    this.#people.renamed(you);
  }

  async #resync(seq) {
    await this.#reader.reload(seq);
    this.#outbox.settleUpTo(this.#room.head);
  }

  #send(text) {
    this.#outbox.add(text);
    this.#reader.toNewest();
  }

  #run({ name, argument }) {
    if (name === "help") return this.#open("help");
    if (!argument) return this.#open("rename");
    return this.#setName(argument).catch((error) => this.#composer.tell(error.message));
  }

  #setName(name) {
    return this.#socket.request({ type: "set-name", name });
  }

  #open(what) {
    this.#sidebar.close();
    if (what === "rename") this.#rename.open(this.#you.name);
    if (what === "jump") this.#jump.open();
    if (what === "help") $("#help-dialog").showModal();
  }

  #settleProblem(target) {
    const button = target.closest(".message__retry, .message__discard");
    if (!button) return;
    const id = button.closest("[data-client-id]").dataset.clientId;
    this.#list.focus(); // which the button would take with it
    if (button.matches(".message__retry")) this.#outbox.retry(id);
    else this.#outbox.discard(id);
  }

  #deliverStragglers() {
    deliverStragglers(this.#stragglers.splice(0), this.#store);
  }

  #mentionable(query) {
    return this.#people.met
      .filter(({ id, name }) => id !== this.#you.id && name.toLowerCase().includes(query))
      .map(({ name, guest }) => ({ label: name, detail: guest ? "guest" : "", insert: `@${name} ` }));
  }

  #showOnline() {
    $(".room__online").textContent = `${this.#people.online} online`;
  }

  #tell(text) {
    this.#composer.tell(text);
    this.#announcer.say(text);
  }

  #goToRoom(step, unreadOnly) {
    const rooms = this.#sidebar.rooms;
    const current = rooms.findIndex((room) => room.isCurrent);
    const order = rooms.map((_, index) => rooms.at((current + step * (index + 1)) % rooms.length));
    const next = order.find((room) => !room.isCurrent && (!unreadOnly || room.unread > 0));
    if (next) location.assign(next.href);
  }

  #goToRegion(step) {
    const regions = ["header", "messages", "composer", "sidebar"];
    const current = regions.indexOf(document.activeElement.closest("[data-region]")?.dataset.region);
    const next = regions.at((current + step) % regions.length);
    if (next !== "sidebar") this.#sidebar.close();
    if (next === "header") firstShown(".room__header :is(button, a)").focus();
    if (next === "messages") this.#list.step(0);
    if (next === "composer") this.#composer.focus();
    if (next === "sidebar") this.#sidebar.focus();
  }
}

function matchingCommands(query) {
  return COMMANDS.filter(({ name }) => name.startsWith(query)).map(({ name, usage, does }) => ({
    label: usage,
    detail: does,
    insert: `/${name} `,
  }));
}

function firstShown(selector) {
  return [...document.querySelectorAll(selector)].find((node) => node.checkVisibility());
}

new RoomPage().start();
