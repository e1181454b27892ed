using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace DurableGateway.Storage;

internal static class ScriptCalls
{
    /// <exception cref="Runs.StoreUnavailableException">As <see cref="StoreConnection.ExecuteAsync"/>.</exception>
    public static Task<RedisResult> EvaluateAsync(
        this StoreConnection connection, ScriptCall call, [CallerMemberName] string caller = "") =>
        connection.ExecuteAsync(call.EvaluateAsync, caller);

    /// <summary>Calls a script whose effect is reported to others as done.</summary>
    /// <param name="connection">The store.</param>
    /// <param name="key">A key that the script writes.</param>
    /// <param name="call">Creates the call. Not called if the store is unavailable.</param>
    /// <param name="caller">The name of the operation in traces.</param>
    /// <exception cref="Runs.StoreUnavailableException">As <see cref="StoreConnection.ExecuteSafelyAsync"/>.</exception>
    public static Task<RedisResult> EvaluateSafelyAsync(
        this StoreConnection connection, RedisKey key, Func<ScriptCall> call, [CallerMemberName] string caller = "") =>
        connection.ExecuteSafelyAsync(key, db => call().EvaluateAsync(db), caller);
}
