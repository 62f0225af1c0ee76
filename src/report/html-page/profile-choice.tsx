// Which profile and measure a view is about: read when asked for, chosen at the top of each view.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Measure } from '../../model/profile.ts';
import { readProfile } from './data-block.tsx';
import { type Choose, useChoose, usePlace } from './hash-state.tsx';
import type { Summary } from './payload.ts';
import type { PageProfile } from './profile-payload.ts';
import { measureText, programText, shortAmount } from './profile-words.ts';

/** What a view of a profile is given. */
export interface ProfileProps {
  readonly profile: PageProfile;
  /** Index into its measures. */
  readonly measure: number;
  readonly choices: URLSearchParams;
  readonly choose: Choose;
  /** The fields with which profile and measure are chosen. */
  readonly selectors: ComponentChildren;
}

interface GateProps {
  readonly summary: Summary;
  readonly part: string;
  readonly view: (props: ProfileProps) => ComponentChildren;
}

/** Shows a view of the chosen profile as soon as it is read. */
export function ProfileGate({ summary, part, view: View }: GateProps) {
  const heads = summary.profiles ?? [];
  const { choices } = usePlace();
  const choose = useChoose(part);
  const number = indexIn(heads, choices.get('p'));
  const [read, setRead] = useState<{ readonly number: number; readonly profile: PageProfile | string }>();
  useEffect(() => {
    let wanted = true;
    readProfile(number).then(
      (profile) => wanted && setRead({ number, profile }),
      (error) => wanted && setRead({ number, profile: String(error) }),
    );
    return () => {
      wanted = false;
    };
  }, [number]);
  if (read?.number !== number) return <p class="empty">Reading the profile …</p>;
  const { profile } = read;
  if (typeof profile === 'string') return <p class="notice">The profile could not be read. {profile}</p>;
  const { measures, primary } = profile;
  const named = measures.findIndex(({ name }) => name === choices.get('m'));
  const measure = named >= 0 ? named : primary;
  const selectors = (
    <>
      {heads.length > 1 && (
        <Select
          label="Process"
          value={String(number)}
          options={heads.map((head, index) => [String(index), programText(head)])}
          onChange={(p) => choose({ p, t: undefined, z: undefined, f: undefined, src: undefined })}
        />
      )}
      {measures.length > 1 && (
        <Select
          label="Measure"
          value={String(measure)}
          options={measures.map((each, index) => [String(index), optionText(each, profile.totals[index])])}
          onChange={(value) => choose({ m: measures[Number(value)]?.name })}
        />
      )}
    </>
  );
  return <View key={number} {...{ profile, measure, choices, choose, selectors }} />;
}

function optionText(measure: Measure, total: number | undefined): string {
  const name = measureText(measure);
  return total === undefined ? name : `${name}: ${shortAmount(total, measure.unit)}`;
}

function indexIn(all: readonly unknown[], text: string | null): number {
  const number = Number(text);
  return Number.isInteger(number) && number >= 0 && number < all.length ? number : 0;
}

interface SelectProps<Value extends string> {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly (readonly [value: Value, text: string])[];
  readonly onChange: (value: Value) => void;
}

export function Select<Value extends string>({ label, value, options, onChange }: SelectProps<Value>) {
  return (
    <label class="choice">
      <span>{label}</span>
      <select
        aria-label={label}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value as Value)}
      >
        {options.map(([each, text]) => (
          <option key={each} value={each}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
