/** The Unicode classes `\pL` and `\p{Greek}` of Go's `regexp`, by their names there. */

const TWO_WORD_CATEGORIES = (
  'Cased_Letter Close_Punctuation Combining_Mark Connector_Punctuation Currency_Symbol Dash_Punctuation ' +
  'Decimal_Number Enclosing_Mark Final_Punctuation Initial_Punctuation Letter_Number Line_Separator ' +
  'Lowercase_Letter Math_Symbol Modifier_Letter Modifier_Symbol Nonspacing_Mark Open_Punctuation Other_Letter ' +
  'Other_Number Other_Punctuation Other_Symbol Paragraph_Separator Private_Use Space_Separator Spacing_Mark ' +
  'Titlecase_Letter Uppercase_Letter'
).split(' ');

const SPECIAL: ReadonlyMap<string, string> = new Map([
  ['Ascii', 'ASCII'],
  ['Lc', 'LC'],
  ['Cntrl', 'Control'],
  ['Digit', 'Decimal_Number'],
  ['Punct', 'Punctuation'],
  ...TWO_WORD_CATEGORIES.map((name) => [canonicalName(name), name] as const),
]);

/** Go ignores case and word separators here; scripts of more than one word cannot be named that way. */
function canonicalName(name: string): string {
  const letters = name.replace(/[_\- ]/g, '');
  return letters.charAt(0).toUpperCase() + letters.slice(1).toLowerCase();
}

/**
 * A test for one character of a category (`L`, `Lu`, `Letter`), of a script (`Greek`), or of `Any`, `Assigned` and
 * `ASCII`; undefined if there is no such class. Node's version of Unicode decides which characters belong to it.
 */
export function unicodeClass(name: string): RegExp | undefined {
  if (!/^[A-Za-z_\- ]+$/.test(name)) return undefined;
  const canonical = canonicalName(name);
  const isCode = canonical.length === 4 && !SHORT_SCRIPTS.includes(canonical);
  for (const property of [SPECIAL.get(canonical) ?? canonical, isCode ? '' : `Script=${canonical}`]) {
    // JavaScript has properties such as Alphabetic that are neither a category nor a script.
    if (BINARY.has(property)) continue;
    try {
      return new RegExp(`\\p{${property}}`, 'u');
    } catch {}
  }
  return undefined;
}

/** Scripts whose name has four letters. Other names of four letters are codes of scripts, which Go does not know. */
const SHORT_SCRIPTS = 'Ahom Cham Kawi Lisu Miao Modi Newa Thai Toto'.split(' ');

/** Properties of one word that JavaScript accepts without a value. */
const BINARY = new Set(
  (
    'Alpha Alphabetic Cased Ci Dash Dep Deprecated Dia Diacritic Emoji Ext Extender Hex Ids Idc Ideo Ideographic Join ' +
    'Loe Lower Lowercase Math Nchar Radical Ri Sd Term Uideo Upper Uppercase Vs Xidc Xids Cwcf Cwcm Cwkcf Cwl Cwt Cwu ' +
    'Di Bidic Bidim Ahex Ebase Ecomp Emod Epres Extpict Grbase Grext Idsb Idst'
  ).split(' '),
);
