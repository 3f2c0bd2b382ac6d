// SPDX-License-Identifier: GPL-2.0-only
/* The display of the pipeline: its objects, framebuffers and commits. */
#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>

#include "demo.h"
#include "dma_buf_user.h"
#include "pipeline_display.h"

/* The objects of the display, found by name and type */

static int display_open(int *minor)
{
	char path[32];
	int i, fd;

	for (i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		*minor = i;
		if (fd >= 0 && drm_driver_is(fd, "vkms"))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENODEV;
}

/* Return the id of an object's property, and its value in @value. */
static __u32 display_property(int fd, __u32 object, __u32 type, const char *name,
			      __u64 *value)
{
	__u32 ids[64];
	__u64 values[64];
	struct drm_mode_obj_get_properties list = {
		.props_ptr = (uintptr_t)ids,
		.prop_values_ptr = (uintptr_t)values,
		.count_props = 64,
		.obj_id = object,
		.obj_type = type,
	};
	struct drm_mode_get_property property;
	__u32 i;

	check_ret("list properties", sys_ioctl(fd, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &list));
	for (i = 0; i < list.count_props; i++) {
		memset(&property, 0, sizeof(property));
		property.prop_id = ids[i];
		check_ret("get a property",
			  sys_ioctl(fd, DRM_IOCTL_MODE_GETPROPERTY, &property));
		if (strcmp(property.name, name))
			continue;
		if (value)
			*value = values[i];
		return ids[i];
	}
	say("FAILED: the display has no property %s", name);
	exit(1);
}

/* The CRTC drives the writeback connector only: vkms has no clones. */
static void display_find_outputs(struct display *display)
{
	__u32 connectors[8], crtcs[8], i;
	struct drm_mode_card_res res = {
		.connector_id_ptr = (uintptr_t)connectors,
		.crtc_id_ptr = (uintptr_t)crtcs,
		.count_connectors = 8,
		.count_crtcs = 8,
	};
	struct drm_mode_get_connector connector;

	check_ret("list the display's objects",
		  sys_ioctl(display->fd, DRM_IOCTL_MODE_GETRESOURCES, &res));
	for (i = 0; i < res.count_connectors; i++) {
		memset(&connector, 0, sizeof(connector));
		connector.connector_id = connectors[i];
		check_ret("get a connector",
			  sys_ioctl(display->fd, DRM_IOCTL_MODE_GETCONNECTOR, &connector));
		if (connector.connector_type == DRM_MODE_CONNECTOR_WRITEBACK)
			display->writeback = connectors[i];
	}
	check("the display has a CRTC and a writeback connector",
	      res.count_crtcs && display->writeback);
	display->crtc = crtcs[0];
}

static void display_find_plane(struct display *display)
{
	__u32 planes[32], i;
	struct drm_mode_get_plane_res res = {
		.plane_id_ptr = (uintptr_t)planes,
		.count_planes = 32,
	};
	__u64 type;

	check_ret("list the display's planes",
		  sys_ioctl(display->fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &res));
	for (i = 0; i < res.count_planes && !display->plane; i++) {
		display_property(display->fd, planes[i], DRM_MODE_OBJECT_PLANE, "type",
				 &type);
		if (type == 1)		/* primary */
			display->plane = planes[i];
	}
	check("the display has a primary plane", display->plane);
}

static void display_find_properties(struct display *display)
{
	const struct part {
		__u32 object, type;
	} crtc = { display->crtc, DRM_MODE_OBJECT_CRTC },
	  plane = { display->plane, DRM_MODE_OBJECT_PLANE },
	  writeback = { display->writeback, DRM_MODE_OBJECT_CONNECTOR };
	const struct {
		__u32 *id;
		const struct part *part;
		const char *name;
	} wanted[] = {
		{ &display->crtc_active, &crtc, "ACTIVE" },
		{ &display->crtc_mode_id, &crtc, "MODE_ID" },
		{ &display->plane_fb_id, &plane, "FB_ID" },
		{ &display->plane_crtc_id, &plane, "CRTC_ID" },
		{ &display->plane_src_w, &plane, "SRC_W" },
		{ &display->plane_src_h, &plane, "SRC_H" },
		{ &display->plane_crtc_w, &plane, "CRTC_W" },
		{ &display->plane_crtc_h, &plane, "CRTC_H" },
		{ &display->writeback_crtc_id, &writeback, "CRTC_ID" },
		{ &display->writeback_fb_id, &writeback, "WRITEBACK_FB_ID" },
		{ &display->writeback_fence, &writeback, "WRITEBACK_OUT_FENCE_PTR" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wanted); i++)
		*wanted[i].id = display_property(display->fd, wanted[i].part->object,
						 wanted[i].part->type, wanted[i].name, NULL);
}

/*
 * Create a mode of the frame's size with ten frames per second: vkms composes
 * each of them, whether it changed or not, and an emulated CPU must be fast
 * enough.
 */
static void display_make_mode(struct display *display)
{
	struct drm_mode_modeinfo mode = {
		.clock = 2800,
		.hdisplay = WIDTH, .hsync_start = 656, .hsync_end = 688, .htotal = 700,
		.vdisplay = HEIGHT, .vsync_start = 370, .vsync_end = 380, .vtotal = 400,
		.vrefresh = 10,
		.name = "frame",
	};
	struct drm_mode_create_blob blob = {
		.data = (uintptr_t)&mode, .length = sizeof(mode),
	};

	check_ret("create the display's mode",
		  sys_ioctl(display->fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &blob));
	display->mode = blob.blob_id;
}

void display_set_up(struct display *display)
{
	struct drm_set_client_cap atomic = { DRM_CLIENT_CAP_ATOMIC, 1 };
	struct drm_set_client_cap writeback = { DRM_CLIENT_CAP_WRITEBACK_CONNECTORS, 1 };

	display->fd = check_ret("open the display", display_open(&display->minor));
	check_ret("use atomic commits",
		  sys_ioctl(display->fd, DRM_IOCTL_SET_CLIENT_CAP, &atomic));
	check_ret("use writeback connectors",
		  sys_ioctl(display->fd, DRM_IOCTL_SET_CLIENT_CAP, &writeback));
	display_find_outputs(display);
	display_find_plane(display);
	display_find_properties(display);
	display_make_mode(display);
}

/* Framebuffers and commits */

__u32 display_import(struct display *display, int fd)
{
	struct drm_prime_handle prime = { .fd = fd };
	struct drm_mode_fb_cmd2 fb = {
		.width = WIDTH,
		.height = HEIGHT,
		.pixel_format = DRM_FORMAT_XRGB8888,
		.pitches = { PITCH },
	};
	struct drm_gem_close close = {};

	check_ret("import a buffer into the display",
		  sys_ioctl(display->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime));
	fb.handles[0] = prime.handle;
	check_ret("create a framebuffer", sys_ioctl(display->fd, DRM_IOCTL_MODE_ADDFB2, &fb));
	close.handle = prime.handle;	/* the framebuffer holds a reference */
	check_ret("close the handle", sys_ioctl(display->fd, DRM_IOCTL_GEM_CLOSE, &close));
	return fb.fb_id;
}

int display_allocate(struct display *display)
{
	struct drm_mode_create_dumb dumb = {
		.width = WIDTH, .height = HEIGHT, .bpp = 32,
	};
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC | DRM_RDWR };
	struct drm_gem_close close = {};

	check_ret("allocate a buffer of the display",
		  sys_ioctl(display->fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb));
	check("its rows have the camera's length", dumb.pitch == PITCH);
	prime.handle = dumb.handle;
	check_ret("export it", sys_ioctl(display->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime));
	close.handle = dumb.handle;
	check_ret("close the handle", sys_ioctl(display->fd, DRM_IOCTL_GEM_CLOSE, &close));
	return prime.fd;
}

unsigned long display_backing(struct display *display, __u32 fb)
{
	struct drm_mode_fb_cmd2 info = { .fb_id = fb };
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC };
	struct drm_gem_close handle = {};
	unsigned long ino;

	check_ret("get a framebuffer's handle",
		  sys_ioctl(display->fd, DRM_IOCTL_MODE_GETFB2, &info));
	prime.handle = info.handles[0];
	check_ret("export it", sys_ioctl(display->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime));
	ino = inode_of(prime.fd);
	close(prime.fd);
	handle.handle = info.handles[0];
	check_ret("close the handle", sys_ioctl(display->fd, DRM_IOCTL_GEM_CLOSE, &handle));
	return ino;
}

struct request {
	__u32 objects[4], counts[4], nobjects;
	__u32 properties[16], nproperties;
	__u64 values[16];
};

/* All properties of an object must be added consecutively. */
static void request_add(struct request *request, __u32 object, __u32 property, __u64 value)
{
	__u32 last = request->nobjects - 1;

	if (!request->nobjects || request->objects[last] != object) {
		last = request->nobjects++;
		request->objects[last] = object;
		request->counts[last] = 0;
	}
	request->counts[last]++;
	request->properties[request->nproperties] = property;
	request->values[request->nproperties++] = value;
}

static int request_commit(struct display *display, struct request *request, __u32 flags)
{
	struct drm_mode_atomic arg = {
		.flags = flags,
		.count_objs = request->nobjects,
		.objs_ptr = (uintptr_t)request->objects,
		.count_props_ptr = (uintptr_t)request->counts,
		.props_ptr = (uintptr_t)request->properties,
		.prop_values_ptr = (uintptr_t)request->values,
	};

	return sys_ioctl(display->fd, DRM_IOCTL_MODE_ATOMIC, &arg);
}

static void request_switch(struct display *display, struct request *request, bool on)
{
	__u32 crtc = on ? display->crtc : 0;

	request_add(request, display->crtc, display->crtc_active, on);
	request_add(request, display->crtc, display->crtc_mode_id, on ? display->mode : 0);
	request_add(request, display->plane, display->plane_crtc_id, crtc);
	request_add(request, display->plane, display->plane_src_w, WIDTH << 16);
	request_add(request, display->plane, display->plane_src_h, HEIGHT << 16);
	request_add(request, display->plane, display->plane_crtc_w, WIDTH);
	request_add(request, display->plane, display->plane_crtc_h, HEIGHT);
}

int display_flip(struct display *display, struct buffer *source, struct buffer *screen,
		 bool first)
{
	__u32 flags = DRM_MODE_PAGE_FLIP_EVENT | DRM_MODE_ATOMIC_NONBLOCK;
	struct request request = {};
	__s32 fence = -1;

	if (first) {
		flags |= DRM_MODE_ATOMIC_ALLOW_MODESET;
		request_switch(display, &request, true);
	}
	request_add(&request, display->plane, display->plane_fb_id, source->fb);
	request_add(&request, display->writeback, display->writeback_crtc_id, display->crtc);
	request_add(&request, display->writeback, display->writeback_fb_id, screen->fb);
	request_add(&request, display->writeback, display->writeback_fence,
		    (uintptr_t)&fence);
	check_ret("flip to a frame", request_commit(display, &request, flags));
	check("the display returns a writeback fence", fence >= 0);
	return fence;
}

void display_flipped(struct display *display)
{
	struct drm_event_vblank event;

	wait_for("the display flips in time", display->fd, POLLIN);
	check("read its event", read(display->fd, &event, sizeof(event)) == sizeof(event));
	check("the event is a completed flip", event.base.type == DRM_EVENT_FLIP_COMPLETE);
}

/* Does its creator hold the only reference to the framebuffer, by debugfs? */
static bool framebuffer_idle(struct display *display, __u32 fb)
{
	char path[64], wanted[32], *text, *at;
	bool idle;

	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%d/framebuffer", display->minor);
	snprintf(wanted, sizeof(wanted), "framebuffer[%u]:", fb);
	text = text_of(path, 65536);
	at = text ? strstr(text, wanted) : NULL;
	at = at ? strstr(at, "refcount=") : NULL;
	check("debugfs lists the framebuffer", at);
	idle = strtoul(at + strlen("refcount="), NULL, 10) == 1;
	free(text);
	return idle;
}

/*
 * After signalling the fence, vkms cleans up and then stops composing, even if
 * the next frame has been committed in the meantime. So wait for that before
 * the next commit.
 */
void display_settle(struct display *display, struct buffer *screen)
{
	double end = now_ms() + TIMEOUT_MS;

	while (!framebuffer_idle(display, screen->fb)) {
		check("the display releases the framebuffer in time", now_ms() < end);
		usleep(1000);
	}
}

void display_off(struct display *display)
{
	struct request request = {};

	request_switch(display, &request, false);
	request_add(&request, display->plane, display->plane_fb_id, 0);
	request_add(&request, display->writeback, display->writeback_crtc_id, 0);
	check_ret("switch the display off",
		  request_commit(display, &request, DRM_MODE_ATOMIC_ALLOW_MODESET));
}
