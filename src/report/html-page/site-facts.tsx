// What dhat knows of the blocks of an allocation site: how long they lived, how many at once, which bytes were used.
import type { AllocationSite } from '../../model/profile.ts';
import type { PageProfile } from './profile-payload.ts';
import { exactNumber, shortAmount } from './profile-words.ts';

const mostSites = 5;

interface Props {
  readonly profile: PageProfile;
  /** Indices into `PageProfile.sites`. */
  readonly sites: readonly number[];
}

export function SiteFacts({ profile, sites }: Props) {
  if (sites.length === 0) return null;
  const cost = (site: number): number =>
    profile.trees[0]?.values[profile.primary]?.[profile.sites?.[site]?.node ?? -1] ?? 0;
  const sorted = [...sites].sort((a, b) => cost(b) - cost(a));
  return (
    <div class="sites">
      <h3>{sites.length === 1 ? 'Allocation site' : `${sites.length} allocation sites`}</h3>
      {sorted.slice(0, mostSites).map((site) => (
        <Site key={site} profile={profile} site={profile.sites?.[site] as AllocationSite} />
      ))}
      {sites.length > mostSites && <p class="quiet">… and {sites.length - mostSites} more.</p>}
    </div>
  );
}

function Site({ profile, site }: { readonly profile: PageProfile; readonly site: AllocationSite }) {
  const { measures, trees } = profile;
  const { node, lifetimes, maxBytes, maxBlocks, accesses } = site;
  const value = (measure: number): number => trees[0]?.values[measure]?.[node] ?? 0;
  const blocks = value(measures.findIndex(({ unit }) => unit === 'blocks'));
  return (
    <div class="site">
      <dl>
        {measures.map(({ name, title }, index) => (
          <div key={name}>
            <dt>{title}</dt>
            <dd>{exactNumber(value(index))}</dd>
          </div>
        ))}
        {maxBytes !== undefined && (
          <div>
            <dt>most at one time</dt>
            <dd>
              {exactNumber(maxBytes)} bytes
              {maxBlocks !== undefined && ` in ${exactNumber(maxBlocks)} blocks`}
            </dd>
          </div>
        )}
        {lifetimes !== undefined && blocks > 0 && (
          <div>
            <dt>average lifetime</dt>
            <dd>{shortAmount(Math.round(lifetimes / blocks), 'instructions')} instructions</dd>
          </div>
        )}
      </dl>
      {accesses !== undefined && accesses.length > 0 && <Accesses accesses={accesses} />}
    </div>
  );
}

function Accesses({ accesses }: { readonly accesses: readonly number[] }) {
  const most = accesses.reduce((a, b) => Math.max(a, b), 0);
  const unused = accesses.filter((count) => count === 0).length;
  const width = 100 / accesses.length;
  const text = `Accesses to each of the ${accesses.length} bytes of a block: at most ${exactNumber(most)}, ${unused} never accessed`;
  return (
    <figure class="accesses">
      <svg viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label={text}>
        {accesses.map((count, index) => {
          const height = most > 0 ? Math.max(count > 0 ? 1 : 0, (24 * count) / most) : 0;
          return <rect key={index} x={index * width} y={24 - height} width={width} height={height} />;
        })}
      </svg>
      <figcaption class="quiet">{text}.</figcaption>
    </figure>
  );
}
