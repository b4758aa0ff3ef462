// SPDX-License-Identifier: MIT OR GPL-2.0
// An I2C bus with a memory of 256 bytes at 0x50, as a 24C02 is: the first byte of a write is the address, a read goes
// on from there. Debian's i2c-stub knows SMBus alone, and readers are spoken to in plain transfers.
#include <linux/i2c.h>
#include <linux/module.h>

#define MEMORY_AT 0x50

static u8 memory[256];
static u8 position;

static int transfer(struct i2c_adapter *adapter, struct i2c_msg *messages, int count)
{
	int number, at;

	for (number = 0; number < count; number++) {
		struct i2c_msg *message = &messages[number];

		if (message->addr != MEMORY_AT)
			return -ENXIO;
		for (at = 0; at < message->len; at++) {
			if (message->flags & I2C_M_RD)
				message->buf[at] = memory[position++];
			else if (at == 0)
				position = message->buf[at];
			else
				memory[position++] = message->buf[at];
		}
	}
	return count;
}

static u32 functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm algorithm = {
	.master_xfer = transfer,
	.functionality = functionality,
};

static struct i2c_adapter bus = {
	.owner = THIS_MODULE,
	.algo = &algorithm,
	.name = "board memory",
};

static int __init start(void)
{
	return i2c_add_adapter(&bus);
}

static void __exit stop(void)
{
	i2c_del_adapter(&bus);
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("An I2C memory without hardware");
