namespace DurableGateway.Benchmarks;

/// <param name="Commands">Also those that scripts call, and the calls of scripts.</param>
internal readonly record struct RedisSnapshot(double Commands, double Scripts, double CpuMicroseconds)
{
    public static RedisSnapshot operator -(RedisSnapshot later, RedisSnapshot earlier) => new(
        later.Commands - earlier.Commands, later.Scripts - earlier.Scripts, later.CpuMicroseconds - earlier.CpuMicroseconds);

    public static RedisSnapshot operator *(RedisSnapshot rate, double factor) =>
        new(rate.Commands * factor, rate.Scripts * factor, rate.CpuMicroseconds * factor);
}
