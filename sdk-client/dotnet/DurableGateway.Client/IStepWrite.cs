using System.Net.Http;

namespace DurableGateway.Client;

/// <summary>The content of a call about a step.</summary>
internal interface IStepWrite
{
    HttpRequestMessage ToRequest(string url);
}
