import { $ } from "../helpers/dom.js";
import { duration } from "../helpers/time.js";
import { Socket } from "../models/socket.js";
import { Plot } from "./plot.js";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** What the site does just now, and the commands of its staff. */
class OpsPage {
  #socket = new Socket("/ws/ops/");
  #plots = {
    connections: this.#plot("connections", whole),
    messages_per_second: this.#plot("messages_per_second", tenths),
    memory_mb: this.#plot("memory_mb", whole),
  };

  start() {
    this.#socket.addEventListener("message", ({ detail }) => this.#frames[detail.type]?.(detail));
    this.#socket.addEventListener("open", () => this.#tell("Live"));
    this.#socket.addEventListener("close", ({ detail }) => this.#tell(detail.message || "Not connected"));
    this.#socket.addEventListener("reconnect", () => this.#tell("Connecting again"));
    for (const form of document.querySelectorAll(".ops-form")) {
      form.addEventListener("submit", (event) => this.#submit(event));
    }
    this.#socket.open();
  }

  #frames = {
    status: (status) => this.#show(status),
  };

  #show(status) {
    for (const [name, plot] of Object.entries(this.#plots)) plot.add(status[name]);
    this.#write("uptime", duration(status.uptime));
    this.#write("workers", whole.format(status.workers));
    this.#write("rooms", whole.format(status.rooms));
  }

  async #submit(event) {
    event.preventDefault();
    const form = event.target;
    const button = $("button", form);
    button.disabled = true;
    try {
      const answer = await this.#socket.request(frameOf(form));
      this.#result(form, DONE[answer.type](answer));
      form.reset();
      await refreshLog();
    } catch (error) {
      this.#result(form, error.message, { failed: true });
    } finally {
      button.disabled = false;
    }
  }

  #result(form, text, { failed = false } = {}) {
    const result = $(".ops-form__result", form);
    result.textContent = text;
    result.classList.toggle("ops-form__result--failed", failed);
  }

  #plot(name, format) {
    return new Plot(figure(name), { format: (value) => format.format(value) });
  }

  #write(name, text) {
    $(".figure__value", figure(name)).textContent = text;
  }

  #tell(text) {
    $(".ops__state").textContent = text;
  }
}

const DONE = {
  announced: () => "Announced to everybody.",
  kicked: ({ user }) => `All connections of ${user.name} were ended.`,
  disconnected: ({ user }) => `The connection ${user ? `of ${user.name} ` : ""}was ended.`,
};

function frameOf(form) {
  const fields = [...new FormData(form)].map(([name, value]) => [name, value.trim()]);
  return { type: form.dataset.command, ...Object.fromEntries(fields.filter(([, value]) => value)) };
}

// As the server has it: other staff write to it too.
async function refreshLog() {
  const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
  const fresh = $(".audit-log", page);
  if (fresh) $(".audit-log").replaceWith(fresh);
}

function figure(name) {
  return $(`[data-figure="${name}"]`);
}

new OpsPage().start();
