/* ask PROVIDER MODEL INPUT-TOKENS MAX-OUTPUT-TOKENS: one question to the agent, as a program would
 * put it before a call. cc ask.c $(pkg-config --cflags --libs outlay) */
#include <outlay/outlay.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	static const char *const names[] = { "deny", "allow", "warn" };
	struct outlay *outlay;
	struct outlay_ask ask = { 0 };
	struct outlay_answer answer;

	if (argc != 5) {
		fprintf(stderr, "usage: ask PROVIDER MODEL INPUT-TOKENS MAX-OUTPUT-TOKENS\n");
		return 2;
	}
	ask.provider = argv[1];
	ask.model = argv[2];
	ask.input_tokens = strtoul(argv[3], NULL, 10);
	ask.max_output_tokens = strtoul(argv[4], NULL, 10);
	if (outlay_open(NULL, &outlay) < 0)
		return 1;
	outlay_decide(outlay, &ask, &answer);
	printf("%s %s %s\n", names[answer.decision], answer.reserved_usd, answer.reason);

	/* The call itself goes here. One that the agent cannot see is settled by its caller: */
	if (answer.reservation[0])
		outlay_settle(outlay, answer.reservation, "0.0001");
	outlay_close(outlay);
	return answer.decision == OUTLAY_DENY;
}
