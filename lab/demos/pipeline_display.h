/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual display driver vkms, as far as the pipeline needs it: frames of
 * one size, each imported by fd, shown, and written to another buffer.
 */
#ifndef PIPELINE_DISPLAY_H
#define PIPELINE_DISPLAY_H

#include <stdbool.h>
#include <linux/types.h>

#define WIDTH 640
#define HEIGHT 360
#define PITCH (WIDTH * 4)

struct buffer {
	int fd;
	__u32 fb;		/* the framebuffer in vkms */
};

struct display {
	int fd, minor;
	__u32 crtc, plane, writeback;
	__u32 crtc_active, crtc_mode_id;
	__u32 plane_fb_id, plane_crtc_id, plane_src_w, plane_src_h;
	__u32 plane_crtc_w, plane_crtc_h;
	__u32 writeback_crtc_id, writeback_fb_id, writeback_fence;
	__u32 mode;
};

void display_set_up(struct display *display);
void display_off(struct display *display);

/* Import a buffer by its fd; return the id of a framebuffer for it. */
__u32 display_import(struct display *display, int fd);

/* Allocate a buffer of the display and export it. */
int display_allocate(struct display *display);

/* Return the inode number of the dma-buf of a framebuffer. */
unsigned long display_backing(struct display *display, __u32 fb);

/*
 * Show @source and write the composed frame to @screen; return the fence of
 * @screen. With @first, switch the display on.
 */
int display_flip(struct display *display, struct buffer *source, struct buffer *screen,
		 bool first);

/* Wait for the end of the flip. */
void display_flipped(struct display *display);

/* Wait until the display has released the framebuffer of @screen. */
void display_settle(struct display *display, struct buffer *screen);

#endif /* PIPELINE_DISPLAY_H */
