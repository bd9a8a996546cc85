/** What an image runs, in words. */
import { memberOf, textsOf } from '../../core/json-members.ts';
import { shellWord } from '../../core/shell-word.ts';
import { withoutSecrets } from '../../core/without-secrets.ts';
import { textMember } from './history.ts';

/** What the configuration lets it run; of environment variables the names, for their values may be long or secret. */
export function runsText(configuration: unknown): string {
  const config = memberOf(configuration, 'config');
  const words = [...textsOf(memberOf(config, 'Entrypoint')), ...textsOf(memberOf(config, 'Cmd'))];
  const command =
    words.length === 0 ? 'nothing by itself' : words.map((word) => shellWord(withoutSecrets(word))).join(' ');
  const names = textsOf(memberOf(config, 'Env')).map((pair) => pair.replace(/=.*$/s, ''));
  const as = textMember(config, 'User') ?? 'root';
  const where = textMember(config, 'WorkingDir') ?? '/';
  return [
    `${cut(command)}, as ${cut(as)}, in ${cut(where)}`,
    ...(names.length === 0 ? [] : [`ENV ${cut(names.join(' '))}`]),
  ].join('; ');
}

const MOST_TEXT = 300;
const cut = (text: string): string => (text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}...` : text);
