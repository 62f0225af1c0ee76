// What the debug heap of Microsoft's C runtime prints: blocks of a dump, damage that it found, its statistics.
//
// Sources: the manual of the CRT (_CrtDumpMemoryLeaks, _CrtMemDumpStatistics, _CrtSetDbgFlag), and logs of Visual C++ 6 to 2022.
// The CRT is not localised: these words are the same in every language of Visual Studio.

/** Detected memory leaks! */
export const leaksBegin = /^Detected memory leaks!/;
/** Dumping objects -> */
export const objectsBegin = /^Dumping objects ->/;
/** Object dump complete. */
export const objectsEnd = /^Object dump complete\./;

/** What a line about a block says. */
export interface CrtBlock {
  readonly path?: string;
  readonly line?: number;
  /** Number of the allocation, for _CrtSetBreakAlloc. */
  readonly number: string;
  readonly type: string;
  /** Hex, of client and CRT blocks. */
  readonly subtype?: string;
  readonly address: string;
  readonly bytes: number;
}

// C:\src\test.cpp(20) : {130} normal block at 0x00780E80, 64 bytes long.
// {68} client block at 0x05FA0A30, subtype c0, 116 bytes long.
// #File Error#(123) : {45} normal block at 0x0000023F105CE070, 5242920 bytes long.
// strcore.cpp(80) : {33} normal block at $00410DB0, 28 bytes long.
const block =
  /^(?:(.+)\((\d{1,9})\) : )?\{(\d{1,20})\} (normal|client|crt|ignore|free) block at (?:0x|\$)([\dA-Fa-f]{4,16}), (?:subtype ([\dA-Fa-f]{1,8}), )?(\d{1,15}) bytes long\.$/;

/** `2024 build | C:\src\test.cpp`: a path does not begin in the middle. */
const drive = /(?<=[\s|>])[A-Za-z]:[\\/](?!.*[\s|>][A-Za-z]:[\\/])/;

/** Reads a line about a block; undefined for every other line. */
export function crtBlockOf(text: string): CrtBlock | undefined {
  if (text.length > 4096 || !text.includes('} ')) return undefined;
  const found = block.exec(text);
  if (found === null) return undefined;
  const [, path, line, number = '', type = '', address = '', subtype, bytes] = found;
  return {
    ...(path !== undefined &&
      path !== '#File Error#' && { path: path.slice(drive.exec(path)?.index ?? 0), line: Number(line) }),
    number,
    type,
    ...(subtype !== undefined && { subtype }),
    address,
    bytes: Number(bytes),
  };
}

//  Data: <        > CD CD CD CD CD CD CD CD
const data = /^Data: <.*> ?(?:[\dA-Fa-f]{2} ?)*$/s;
// Where letters stand that are none in the reader's encoding, or the dump was cut by a viewer.
const dataBegin = /^Data: </;

/** True for the line with the first bytes of a block. */
export function isCrtData(text: string): boolean {
  return dataBegin.test(text) && (data.test(text) || text.length < 4096);
}

/** a CmyactivexCtrl object at $04F91F60, 500 bytes long */
export const mfcObject = /^an? ([\w:<>]{1,200}) object at \$[\dA-Fa-f]{4,16}, \d{1,15} bytes long$/;

/** Damage that the debug heap found. */
export interface CrtDamage {
  /** `after`: behind its end; `before`: before its begin; `freed`: in a block that was freed. */
  readonly side: 'after' | 'before' | 'freed';
  readonly type: string;
  readonly number?: string;
  readonly address: string;
}

// HEAP CORRUPTION DETECTED: after Normal block (#77) at 0x003A4D38.
// HEAP CORRUPTION DETECTED: on top of Free block at 0x003A4D38.
// DAMAGE: before Client block (#48) at 0x00423ED0.
const damage =
  /^(?:HEAP CORRUPTION DETECTED|DAMAGE): (after|before|on top of) (\w{1,20}) block (?:\(#(\d{1,20})\) )?at 0x([\dA-Fa-f]{4,16})\.?$/;

/** Reads the first line about damage; undefined for every other line. */
export function crtDamageOf(text: string): CrtDamage | undefined {
  const found = damage.exec(text);
  if (found === null) return undefined;
  const [, side, type = '', number, address = ''] = found;
  return {
    side: side === 'after' || side === 'before' ? side : 'freed',
    type: type.toLowerCase(),
    ...(number !== undefined && { number }),
    address,
  };
}

/** CRT detected that the application wrote to memory after end of heap buffer. */
export const damageSentence = /^CRT detected that the application wrote to /;
/** Memory allocated at d:\test\test.cpp(10).; Visual C++ 6: Normal allocated at file d:\test\test.cpp(10). */
export const damageOrigin = /^(?:Memory|\w+) allocated at (?:file )?(.+)\((\d{1,9})\)\.$/;
/** Normal located at 0x00421C30 is 10 bytes long. */
export const damageSize = /^\w+ located at 0x[\dA-Fa-f]+ is (\d{1,15}) bytes long\.$/;
/** memory check error at 0x00421C3A = 0x00, should be 0xFD. */
export const damageByte =
  /^memory check error at 0x[\dA-Fa-f]+ = (0x[\dA-Fa-f]+), should be (0x[\dA-Fa-f]+)\.?$/;

/** 3071 bytes in 16 CRT Blocks.; MFC: 45 bytes in 4 Non-Object Blocks */
export const blockStatistic =
  /^(-?\d{1,18}) bytes in (-?\d{1,18}) (Free|Normal|CRT|Ignore|Client|Object|Non-Object) Blocks\.?$/;
/** Largest number used: 3071 bytes. */
export const largestStatistic = /^Largest number used: (-?\d{1,18}) bytes\.?$/;
/** Total allocations: 3764 bytes. */
export const totalStatistic = /^Total allocations: (-?\d{1,18}) bytes\.?$/;

/** 'test.exe' (Win32): Loaded 'C:\src\Debug\test.exe'. Symbols loaded.; 'test.exe': Loaded … */
export const loaded = /^'([^']{1,200})'(?: \([^)]{0,80}\))?: Loaded '/;
/** The program '[1234] test.exe' has exited with code 0 (0x0).; '[1234] test.exe: Native' */
export const exited = /^The program '\[(?:0x)?[\dA-Fa-f]{1,10}\] [^']{1,200}' has exited with code /;
/** Program: C:\src\Debug\test.exe */
export const debugErrorProgram = /^Program: (?:\.\.\.)?(.{1,400}\.exe)$/i;
