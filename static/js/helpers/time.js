const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const withYear = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export function clockTime(timestamp) {
  return clock.format(new Date(timestamp));
}

export function fullTime(timestamp) {
  return full.format(new Date(timestamp));
}

/** A day as a person has it: the local one. */
export function dayKey(timestamp) {
  return new Date(timestamp).toDateString();
}

export function dayLabel(timestamp, now = new Date()) {
  const day = new Date(timestamp);
  const days = Math.round((new Date(now.toDateString()) - new Date(day.toDateString())) / DAY);
  if (days === 0 || days === 1) return capitalised(relative.format(-days, "day"));
  return (day.getFullYear() === now.getFullYear() ? weekday : withYear).format(day);
}

export function ago(timestamp, now = Date.now()) {
  const minutes = Math.max(0, Math.round((now - new Date(timestamp)) / MINUTE));
  if (minutes < 1) return "just now";
  if (minutes < 60) return relative.format(-minutes, "minute");
  if (minutes < 24 * 60) return relative.format(-Math.round(minutes / 60), "hour");
  return short.format(new Date(timestamp));
}

function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Seconds as a person reads them: the two largest units. */
export function duration(seconds) {
  const units = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  let rest = Math.floor(seconds);
  const parts = units.slice(first < 0 ? -1 : first).slice(0, 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return `${count} ${unit}`;
  });
  return parts.join(" ");
}
