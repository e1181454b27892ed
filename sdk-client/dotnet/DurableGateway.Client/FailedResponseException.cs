using System;
using System.Net.Http;

namespace DurableGateway.Client;

/// <summary>A fetched response that is a failed try.</summary>
internal sealed class FailedResponseException(string message, int status, TimeSpan? retryAfter) : HttpRequestException(message)
{
    public int Status { get; } = status;
    public TimeSpan? RetryAfter { get; } = retryAfter;
}
