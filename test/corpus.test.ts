// Every log in test/corpus, checked the same eight ways. A new case is a new folder.
import { join } from 'node:path';
import { checkCorpusInput } from './corpus.ts';
import { checkCases } from './recordings.ts';

checkCases(join(import.meta.dirname, 'corpus'), checkCorpusInput);
