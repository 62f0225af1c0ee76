// The replay of captured requests: what commands need of it.
export { copyAnswer } from './answers.ts';
export { type ReplayPlan, runReplay } from './replay.ts';
