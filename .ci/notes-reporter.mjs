// A reporter of vitest for `.ci/run`: appends a line to the file that $CTXSRC_CI_NOTES names for what the totals of a run
// do not tell: each test that passed only when it was tried again, each hook or file that failed outside a test, and
// each error that no test caught. The last lines of the run show them.
import { appendFileSync } from 'node:fs';

const note = (what, where, errors) =>
  appendFileSync(
    process.env.CTXSRC_CI_NOTES,
    `${what}: ${where}: ${errors.map((error) => error.stack ?? error.message ?? String(error)).join(' | ')}\n`,
  );

export default class NotesReporter {
  onTestCaseResult(test) {
    if (test.diagnostic()?.flaky)
      note('PASSED ON A SECOND TRY', `${test.module.moduleId}: ${test.fullName}`, test.result().errors ?? []);
  }

  onTestSuiteResult(suite) {
    if (suite.errors().length > 0) note('FAILED HOOK', `${suite.module.moduleId}: ${suite.fullName}`, suite.errors());
  }

  onTestModuleEnd(module) {
    if (module.errors().length > 0) note('FAILED FILE', module.moduleId, module.errors());
  }

  onTestRunEnd(_modules, unhandled, reason) {
    if (unhandled.length > 0) note('UNCAUGHT', `the run ${reason}`, unhandled);
  }
}
