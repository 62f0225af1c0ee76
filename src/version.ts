// Owns the version, as package.json says it; bundled, so that nothing is read at start-up.
import manifest from '../package.json' with { type: 'json' };

export const version: string = manifest.version;
