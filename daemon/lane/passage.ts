import { tellableMs } from './alarms.js';
import { freeDoor } from './door.js';
import { type Draft, raise, rest } from './draft.js';
import type { Opened } from './state.js';

/** People for whom the gate was opened and who have not passed yet; more do not stand between a pad and its gate. */
const MAX_OPENED = 16;
/** In a fire nobody is asked for whom the gate was opened: passages are counted, as fast as people can walk. */
const FREE_PASSAGE_EVERY_MS = 300;

const stillOut = (opened: readonly Opened[], nowMs: number) =>
  opened.filter(({ untilMs }) => nowMs < untilMs);

/** The gate is opened for a tap: one person may pass, for a while. */
export function open(draft: Draft, tap: number): void {
  const { opened, settings } = draft.state;
  draft.do({ type: 'open', tap });
  const untilMs = draft.nowMs + settings.passageMs;
  draft.set({ opened: [...stillOut(opened, draft.nowMs), { tap, untilMs }].slice(-MAX_OPENED) });
  freeDoor(draft, untilMs);
}

/** Somebody has walked through: for the oldest opening that nobody has used, or without one. */
export function onPassage(draft: Draft): void {
  const { nowMs } = draft;
  const [first, ...others] = stillOut(draft.state.opened, nowMs);
  draft.set({ opened: others });
  if (first !== undefined) {
    draft.do({ type: 'append-passage', tap: first.tap });
    endDwell(draft, first.tap);
    return;
  }
  if (draft.state.fire.isActive || nowMs < draft.state.fireGraceUntilMs) countFree(draft);
  else intrude(draft);
}

/** Who was shown green has passed: the lamp is for the next. */
function endDwell(draft: Draft, tap: number): void {
  const { current, shownUntilMs } = draft.state;
  if (current?.tap === tap && current.concluded === 'open' && shownUntilMs !== undefined) rest(draft);
}

function countFree(draft: Draft): void {
  if (draft.nowMs - draft.state.freePassageMs < FREE_PASSAGE_EVERY_MS) return;
  draft.set({ freePassageMs: draft.nowMs });
  draft.do({ type: 'append-passage' });
}

function intrude(draft: Draft): void {
  const isTellable = draft.nowMs >= tellableMs(draft.state.told, 'passage.unauthorized');
  raise(draft, 'passage.unauthorized');
  if (isTellable) draft.do({ type: 'append-passage' });
}
