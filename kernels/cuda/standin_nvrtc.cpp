//go:build cuda && emulator

// NVRTC of the stand-in. It compiles nothing: the kernels of a source are in the emulator already, under the name of their file.
// It does look whether those that the source defines, and the headers that it includes, are there.

#include "standin.h"

#include <cstring>
#include <map>
#include <regex>
#include <set>

namespace standin {

const char image_magic[] = "primer: kernels of the emulator\n", code_section[] = ".text.";

namespace {

enum { DONE, OUT_OF_MEMORY, CREATION_FAILURE, INVALID_INPUT, INVALID_PROGRAM, INVALID_OPTION, COMPILATION };

struct program {
	std::string name, text, log, image;
	std::set<std::string> headers;
};
std::set<program *> programs;

program *of(void *p) { return programs.count((program *)p) ? (program *)p : nullptr; }

std::string base(const std::string &path) { return path.substr(path.rfind('/') + 1); }

std::string without_comments(const std::string &text) { return std::regex_replace(text, std::regex("//[^\n]*"), ""); }

// Kernels that are defined by name. In a macro's body ("name##_f32") there is no name to look for.
std::vector<std::string> named_kernels(const std::string &text) {
	std::vector<std::string> names;
	const std::regex definition("(?:^|\n)KERNEL\\(\\s*(\\w+)\\s*,");
	for (std::sregex_iterator i(text.begin(), text.end(), definition), end; i != end; ++i) names.push_back((*i)[1]);
	return names;
}

// The text without what belongs to other parts of the source than the one asked for; "": all of it is.
std::string of_part(const std::string &text, const std::string &part) {
	std::string kept;
	size_t at = 0;
	const std::regex begin("(?:^|\n)#if PART\\((\\d+)\\)");
	for (std::sregex_iterator i(text.begin(), text.end(), begin), end; i != end; ++i) {
		if (part.empty() || (*i)[1] == part) continue;
		const size_t close = text.find("\n#endif", i->position());
		kept += text.substr(at, i->position() - at), at = close;
	}
	return kept + text.substr(at);
}

// The version is one that NVRTC never had: what it "compiles" must not be taken for a cubin of NVRTC's.
int version(int *major, int *minor) {
	*major = 0, *minor = 2; // another one when images change: they are cached by it
	return DONE;
}
int create(void **p, const char *text, const char *name, int headers, const char *const *, const char *const *names) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	program *made = new program{name ? name : "", text, "", "", {}};
	for (int i = 0; i < headers; i++) made->headers.insert(names[i]);
	programs.insert(made);
	*p = made;
	return DONE;
}
int compile(void *handle, int n, const char *const *options) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	program *p = of(handle);
	if (!p) return INVALID_PROGRAM;
	bool arch = false;
	std::string part;
	for (int i = 0; i < n; i++) {
		arch = arch || strncmp(options[i], "--gpu-architecture=sm_", 22) == 0;
		if (strncmp(options[i], "--define-macro=PRIMER_PART=", 27) == 0) part = options[i] + 27;
	}
	if (!arch) {
		p->log = "no --gpu-architecture=sm_…";
		return INVALID_OPTION;
	}
	const std::string text = without_comments(p->text);
	const std::regex include("#include \"([^\"]*)\"");
	for (std::sregex_iterator i(text.begin(), text.end(), include), end; i != end; ++i)
		if (!p->headers.count((*i)[1])) p->log += "no header " + (*i)[1].str() + "\n";
	const std::vector<std::string> named = named_kernels(text), mine = named_kernels(of_part(text, part));
	const std::set<std::string> all(named.begin(), named.end()), here(mine.begin(), mine.end());
	for (const std::string &name : named) {
		const emulated::kernel *k = emulated::find(name);
		if (!k || base(k->file) != p->name) p->log += "kernel " + name + " of " + p->name + " is not in the emulator\n";
	}
	p->image = image_magic;
	size_t kernels = 0;
	for (const emulated::kernel *k = emulated::all(); k; k = k->next)
		if (base(k->file) == p->name && (here.count(k->name) || !all.count(k->name))) p->image += std::string(code_section) + k->name + "\n", kernels++;
	p->image += "end";
	if (kernels == 0) p->log += "no kernel of " + p->name + " is in the emulator\n"; // or none of its part
	return p->log.empty() ? DONE : COMPILATION;
}
int get_size(const std::string &text, size_t *size, bool ended) {
	*size = text.size() + (ended ? 1 : 0);
	return DONE;
}
int log_size(void *p, size_t *size) { return of(p) ? get_size(of(p)->log, size, true) : INVALID_PROGRAM; }
int get_log(void *p, char *log) {
	if (!of(p)) return INVALID_PROGRAM;
	memcpy(log, of(p)->log.c_str(), of(p)->log.size() + 1);
	return DONE;
}
int image_size(void *p, size_t *size) { return of(p) ? get_size(of(p)->image, size, true) : INVALID_PROGRAM; }
int get_image(void *p, char *image) {
	if (!of(p)) return INVALID_PROGRAM;
	memcpy(image, of(p)->image.c_str(), of(p)->image.size() + 1);
	return DONE;
}
int destroy(void **p) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	program *gone = of(*p);
	programs.erase(gone);
	delete gone;
	*p = nullptr;
	return gone ? DONE : INVALID_PROGRAM;
}
const char *error_text(int code) { return code == DONE ? "NVRTC_SUCCESS" : code == COMPILATION ? "NVRTC_ERROR_COMPILATION" : "the stand-in for NVRTC refuses this"; }

} // namespace

std::vector<function> nvrtc_functions() {
	return {{"nvrtcVersion", (void *)version}, {"nvrtcCreateProgram", (void *)create}, {"nvrtcCompileProgram", (void *)compile},
	        {"nvrtcGetProgramLogSize", (void *)log_size}, {"nvrtcGetProgramLog", (void *)get_log}, {"nvrtcGetCUBINSize", (void *)image_size},
	        {"nvrtcGetCUBIN", (void *)get_image}, {"nvrtcDestroyProgram", (void *)destroy}, {"nvrtcGetErrorString", (void *)error_text}};
}

} // namespace standin
