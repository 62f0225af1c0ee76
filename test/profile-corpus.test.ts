// Every profile in test/profiles, checked the same ways. A new case is a new folder.
import { join } from 'node:path';
import { checkProfileInput } from './profile-corpus.ts';
import { checkCases } from './recordings.ts';

checkCases(join(import.meta.dirname, 'profiles'), checkProfileInput);
