/** What is wrong with a word, a flag or a line of a Dockerfile, before anybody knows where it stands. */
export class DockerfileProblem extends Error {
  /** What to write instead. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'DockerfileProblem';
    this.hint = hint;
  }
}
