/* One digit of base64 (RFC 4648, section 4): readers that stream and readers that do not have
 * nothing else in common. */
#pragma once

/* 0 to 63, -1 for what is no digit ('=' too). */
static inline int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}
