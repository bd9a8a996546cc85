// A reporter of vitest for `.ci/run`: appends a line to the file that $CTXSRC_CI_FLAKY names for each test that passed
// only when it was tried again, so that the last lines of a run say which tests to look at.
import { appendFileSync } from 'node:fs';

export default class FlakyReporter {
  onTestCaseResult(test) {
    if (!test.diagnostic()?.flaky) return;
    const reasons = (test.result().errors ?? []).map((error) => error.message).join(' | ');
    appendFileSync(
      process.env.CTXSRC_CI_FLAKY,
      `PASSED ON A SECOND TRY: ${test.module.moduleId}: ${test.fullName}: ${reasons}\n`,
    );
  }
}
