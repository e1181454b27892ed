using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace DurableGateway.Storage;

internal static class ScriptCalls
{
    /// <exception cref="Runs.StoreUnavailableException">As <see cref="StoreConnection.ExecuteAsync"/>.</exception>
    public static Task<RedisResult> EvaluateAsync(
        this StoreConnection connection, ScriptCall call, [CallerMemberName] string caller = "") =>
        connection.ExecuteAsync(call.EvaluateAsync, caller);

    /// <summary>For what is answered to others as done.</summary>
    /// <param name="connection">The store.</param>
    /// <param name="key">A key that the script writes.</param>
    /// <param name="call">Makes the call. Where the store is away it costs nothing.</param>
    /// <param name="caller">What it is called in traces.</param>
    /// <exception cref="Runs.StoreUnavailableException">As <see cref="StoreConnection.ExecuteSafelyAsync"/>.</exception>
    public static Task<RedisResult> EvaluateSafelyAsync(
        this StoreConnection connection, RedisKey key, Func<ScriptCall> call, [CallerMemberName] string caller = "") =>
        connection.ExecuteSafelyAsync(key, db => call().EvaluateAsync(db), caller);
}
