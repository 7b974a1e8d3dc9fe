/* Cgroup paths as the container runtimes and systemd make them: the forms are those of the
 * runtimes' documentation (docker, containerd, cri-o, podman; cgroupfs and systemd drivers) and of
 * cgroups(7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cgroup.h"

#define ID    "3f1c0d2e4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0"
#define OTHER "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define POD   "kubepods-burstable-pod2b801b7a_5266_4386_864e_45ed71136371.slice"

static void assert_span(struct span got, const char *due)
{
	assert_int_equal(got.len, strlen(due));
	assert_memory_equal(got.ptr ? got.ptr : "", due, got.len);
}

static void test_containers_and_units(void **state)
{
	static const struct {
		const char *path, *container, *unit;
	} cases[] = {
		{ "", "", "" },
		{ "/", "", "" },
		/* docker: cgroupfs and systemd drivers, in docker, with an init of its own */
		{ "/docker/" ID, ID, "" },
		{ "/system.slice/docker-" ID ".scope", ID, "docker-" ID ".scope" },
		{ "/docker/" OTHER "/docker/" ID, ID, "" },
		{ "/docker/" ID "/init.scope", ID, "" },
		{ "/system.slice/docker-" ID ".scope/system.slice/nginx.service", ID,
		  "docker-" ID ".scope" },
		/* containerd and cri-o under Kubernetes */
		{ "/kubepods/burstable/pod2b801b7a-5266-4386-864e-45ed71136371/" ID, ID, "" },
		{ "/kubepods.slice/kubepods-burstable.slice/" POD "/cri-containerd-" ID ".scope",
		  ID, "cri-containerd-" ID ".scope" },
		{ "/kubepods.slice/kubepods-burstable.slice/" POD "/crio-" ID ".scope", ID,
		  "crio-" ID ".scope" },
		{ "/kubepods.slice/" POD "/crio-conmon-" ID ".scope", "",
		  "crio-conmon-" ID ".scope" },
		{ "/system.slice/containerd.service/"
		  "kubepods-burstable-pod1.slice:cri-containerd:" ID,
		  ID, "containerd.service" },
		/* podman, as root and as a user; nerdctl */
		{ "/machine.slice/libpod-" ID ".scope/container", ID, "libpod-" ID ".scope" },
		{ "/machine.slice/libpod-conmon-" ID ".scope", "", "libpod-conmon-" ID ".scope" },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope",
		  ID, "user@1000.service" },
		{ "/libpod_parent/libpod-" ID, ID, "" }, /* by cgroupfs */
		{ "/system.slice/nerdctl-" ID ".scope", ID, "nerdctl-" ID ".scope" },
		/* systemd alone */
		{ "/system.slice/nginx.service", "", "nginx.service" },
		{ "/system.slice/system-getty.slice/getty@tty1.service", "", "getty@tty1.service" },
		{ "/user.slice/user-1000.slice/session-3.scope", "", "session-3.scope" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service", "",
		  "user@1000.service" },
		{ "/init.scope", "", "init.scope" },
		{ "/system.slice", "", "" },
		/* what only looks like it */
		{ "/mine/nginx.service", "", "" },
		{ "/.service", "", "" },
		{ "/docker/" ID "0", "", "" },
		{ "/docker/0" ID, "", "" },
		{ "/docker/3F1C0D2E4B5A69788796A5B4C3D2E1F00112233445566778899AABBCCDDEEFF0", "",
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_span(cgroup_container(span_of(cases[i].path)), cases[i].container);
		assert_span(cgroup_unit(span_of(cases[i].path)), cases[i].unit);
	}
}

static void test_which_hierarchy(void **state)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{ "", "" },
		{ "0::/\n", "/" },
		{ "0::/a:b\n", "/a:b" },
		{ "12:pids:/docker/x\n1:name=systemd:/docker/y\n0::/z\n", "/z" },
		{ "12:pids:/docker/x\n1:name=systemd:/docker/y\n0::/\n", "/docker/y" },
		{ "12:cpu,cpuacct:/\n11:pids:/docker/x\n1:name=systemd:/\n", "/docker/x" },
		/* Docker and Kubernetes (cgroupfs driver) on version 1 alone, as /proc shows them;
		 * systemd with both; a container that sees itself as the root */
		{ "12:memory:/docker/" ID "\n11:freezer:/docker/" ID "\n"
		  "10:cpu,cpuacct:/docker/" ID "\n1:name=systemd:/docker/" ID "\n",
		  "/docker/" ID },
		{ "3:cpuset:/kubepods/besteffort/pod1/" ID "\n2:perf_event:/\n"
		  "1:name=systemd:/kubepods/besteffort/pod1/" ID "\n",
		  "/kubepods/besteffort/pod1/" ID },
		{ "2:pids:/user.slice/user-1000.slice/session-3.scope\n"
		  "1:name=systemd:/user.slice/user-1000.slice/session-3.scope\n"
		  "0::/user.slice/user-1000.slice/session-3.scope\n",
		  "/user.slice/user-1000.slice/session-3.scope" },
		{ "2:pids:/\n1:name=systemd:/\n", "" },
		{ "0::relative\n", "" },
		{ "no colons at all", "" },
		{ ":::", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_span(cgroup_path(span_of(cases[i].text)), cases[i].path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_containers_and_units),
		cmocka_unit_test(test_which_hierarchy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
