/** Which texts of a Dockerfile are git repositories. */
import { isGitTransport } from '../../source/git/reference-form.ts';
import { type GitReference, type GitUrl, parseGitReference, parseGitUrl } from '../../source/git/url.ts';

/**
 * The repository that ADD or a named context means; undefined if the text means a file or a path.
 * @throws E_REFERENCE if it is a repository with a query that makes no sense
 */
export function repositoryOf(text: string): GitReference | undefined {
  if (!isGitTransport(text)) return undefined;
  let url: GitUrl;
  try {
    url = parseGitUrl(text);
  } catch {
    return undefined;
  }
  if (url.transport === 'file' || (/^https?$/.test(url.transport) && !url.path.endsWith('.git'))) return undefined;
  return parseGitReference(text);
}

/** True for a file that is fetched by its URL. The scheme is lower case: other spellings are paths. */
export function isFileUrl(text: string): boolean {
  return /^https?:\/\//.test(text) && repositoryOf(text) === undefined;
}
