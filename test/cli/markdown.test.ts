/** Text from outside in Markdown. */
import { expect, it } from 'vitest';
import { markdownText } from '../../src/cli/markdown.ts';

it.each([
  ['see https://evil.example/x', 'see https&#58;//evil.example/x'],
  ['www.evil.example', 'www&#46;evil.example'],
  ['[a](b) <i> @you `c` |', '&#91;a&#93;(b) &#60;i&#62; &#64;you &#96;c&#96; &#124;'],
  ['ENV A: "1" → 2', 'ENV A: &#34;1&#34; → 2'],
])('%j is text and nothing more', (text, shown) => {
  expect(markdownText(text)).toBe(shown);
});
