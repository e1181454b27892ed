using System.Net.Http;

namespace DurableGateway.Client;

/// <summary>What a call says of a step.</summary>
internal interface IStepWrite
{
    HttpRequestMessage ToRequest(string url);
}
