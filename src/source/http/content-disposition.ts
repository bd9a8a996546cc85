/**
 * The file name in a Content-Disposition header, as Go's `mime.ParseMediaType` parses it (RFC 2231 parameters
 * included). A header that Go refuses has no name. Texts are byte strings, as headers arrive.
 */

/** Parameter `filename`; undefined if there is none or the header is malformed. */
export function dispositionFilename(header: string): string | undefined {
  const semicolon = header.indexOf(';');
  const type = (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase();
  if (!/^[!#$%&'*+.^_`|{}~a-z0-9-]+(?:\/[!#$%&'*+.^_`|{}~a-z0-9-]+)?$/.test(type)) return undefined;
  const parameters = parseParameters(semicolon < 0 ? '' : header.slice(semicolon));
  if (parameters === undefined) return undefined;
  return joinPieces(parameters, 'filename') ?? parameters.get('filename');
}

/** Parameters by name (with RFC 2231's `*`); undefined if the text is malformed. */
function parseParameters(text: string): Map<string, string> | undefined {
  const parameters = new Map<string, string>();
  let rest = text.replace(/^\s+/, '');
  while (rest !== '') {
    const name = /^\s*;\s*([!#$%&'*+.^_`|{}~A-Za-z0-9-]+)\s*=\s*/.exec(rest);
    // A semicolon at the end is allowed.
    if (name === null) return rest.trim() === ';' ? parameters : undefined;
    const key = (name[1] as string).toLowerCase();
    const value = parseValue(rest.slice(name[0].length));
    if (value === undefined) return undefined;
    const known = parameters.get(key);
    if (known !== undefined && known !== value.text) return undefined;
    parameters.set(key, value.text);
    rest = value.rest.replace(/^\s+/, '');
  }
  return parameters;
}

function parseValue(text: string): { text: string; rest: string } | undefined {
  if (!text.startsWith('"')) {
    const token = /^[!#$%&'*+.^_`|{}~A-Za-z0-9-]+/.exec(text)?.[0];
    return token === undefined ? undefined : { text: token, rest: text.slice(token.length) };
  }
  let value = '';
  for (let i = 1; i < text.length; i += 1) {
    const char = text.charAt(i);
    if (char === '"') return { text: value, rest: text.slice(i + 1) };
    if (char === '\r' || char === '\n') return undefined;
    // Only special characters can be escaped: a backslash before any other is literal, as in C:\file.
    if (char === '\\' && /[()<>@,;:\\"/[\]?=]/.test(text.charAt(i + 1))) {
      i += 1;
      value += text.charAt(i);
    } else {
      value += char;
    }
  }
  return undefined;
}

/** RFC 2231: `name*` is an encoded value, `name*0`, `name*1*`, … its pieces. */
function joinPieces(parameters: ReadonlyMap<string, string>, name: string): string | undefined {
  const whole = parameters.get(`${name}*`);
  if (whole !== undefined) return decodeExtended(whole);
  let value: string | undefined;
  for (let n = 0; ; n += 1) {
    const plain = parameters.get(`${name}*${n}`);
    const encoded = parameters.get(`${name}*${n}*`);
    if (plain !== undefined) value = (value ?? '') + plain;
    else if (encoded === undefined) return value;
    else value = (value ?? '') + ((n === 0 ? decodeExtended(encoded) : unescapePercent(encoded)) ?? '');
  }
}

function decodeExtended(text: string): string | undefined {
  const match = /^([^']*)'[^']*'(.*)$/s.exec(text);
  if (match === null || !/^(?:us-ascii|utf-8)$/i.test(match[1] as string)) return undefined;
  return unescapePercent(match[2] as string);
}

function unescapePercent(text: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return undefined;
  return text.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
