// The replay of captured requests: what commands need of it.
export { copyAnswer } from './answers.ts';
export { runReplay } from './replay.ts';
