import { dayKey } from "../helpers/time.js";

const TOGETHER_MS = 5 * 60_000;
const EMOJI_ONLY = /^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\p{Regional_Indicator}|[\u200d\ufe0f\s])+$/u;
const FEW = 24;

export function startsDay(entry, previous) {
  return !previous || dayKey(entry.timestamp) !== dayKey(previous.timestamp);
}

/** Whether a message goes under the heading of the one before it. */
export function continues(entry, previous) {
  if (entry.type !== "message" || previous?.type !== "message") return false;
  if (entry.from.id !== previous.from.id || entry.from.name !== previous.from.name) return false;
  if (startsDay(entry, previous)) return false;
  return new Date(entry.timestamp) - new Date(previous.timestamp) < TOGETHER_MS;
}

export function isEmojiOnly(text) {
  return text.length <= FEW && EMOJI_ONLY.test(text);
}
